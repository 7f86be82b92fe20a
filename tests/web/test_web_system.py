# SPDX-License-Identifier: MIT
"""The System page leads everywhere; restart and factory reset are done when they are meant, and only then."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from visiting import PASSWORD, said, send

from stratum1.ntp.keyfile import add_key
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.web import certificate
from stratum1.web.app import create_app
from stratum1.web.box import Box
from stratum1.web.system import DOORS

ADDRESSES = (
    "/system",
    "/system/test",
    "/system/log",
    "/system/backup",
    "/system/certificate",
    "/system/keys",
    "/system/tokens",
    "/system/update",
    "/system/update/going",
    "/system/update/progress",
    "/system/restart",
    "/system/reset",
    "/system/support",
)


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_page_opens_for_the_owner_and_for_nobody_else(owner: FlaskClient, paths: Paths, path: str) -> None:
    assert owner.get(path).status_code == 200
    assert create_app(paths).test_client().get(path).headers["Location"] == "/login"


def test_every_address_of_it_is_looked_at_here(owner: FlaskClient) -> None:
    rules = {
        rule.rule
        for rule in owner.application.url_map.iter_rules()
        if rule.rule.startswith("/system") and "GET" in (rule.methods or ())
    }
    assert rules == set(ADDRESSES)
    page = owner.get("/system").text
    for _, title, what in DOORS:
        assert title in page and what in page


def test_a_restart_is_an_order_to_the_supervisor(owner: FlaskClient, paths: Paths) -> None:
    answer = send(owner, "/system/restart")
    assert answer.status_code == 422 and "No supervisor runs" in said(answer) and not paths.order.exists()
    paths.children_status.write_text('{"web": {"state": "running"}}')
    assert owner.post("/system/restart", data={}).status_code == 422
    assert not paths.order.exists(), "not without the token"
    assert "comes back by itself" in said(send(owner, "/system/restart"))
    assert paths.order.read_text() == "reboot\n"


def test_a_factory_reset_wants_the_password_and_leaves_a_new_box(owner: FlaskClient, paths: Paths) -> None:
    save(paths.settings, Settings().changed("ntp.port", 124))
    add_key(paths.ntp_keys)
    for wrong in ("", "guess"):
        assert "this is not the password" in said(send(owner, "/system/reset", password=wrong))
    assert paths.web_password.exists() and paths.ntp_keys.exists()
    assert send(owner, "/system/reset", password=PASSWORD).headers["Location"] == "/"
    assert not paths.web_password.exists() and not paths.ntp_keys.exists()
    assert load(paths.settings).settings == Settings()
    assert owner.get("/settings").headers["Location"] == "/welcome"


def test_the_certificate_is_shown_and_exchanged(owner: FlaskClient, paths: Paths) -> None:
    box: Box = owner.application.extensions["box"]
    assert "Pages are not encrypted now" in owner.get("/system/certificate").text
    paths.tls_certificate.write_bytes(certificate.make("clock", []))
    box.tls.context, box.tls.port = certificate.server_context(), 443
    first = certificate.read(paths.tls_certificate.read_bytes())
    page = said(owner.get("/system/certificate"))
    assert first.fingerprint in page and "clock.local" in page and "made by this box" in page
    assert send(owner, "/system/certificate", "/system/certificate/new", password="guess").status_code == 302
    assert certificate.read(paths.tls_certificate.read_bytes()) == first
    send(owner, "/system/certificate", "/system/certificate/new", password=PASSWORD)
    assert certificate.read(paths.tls_certificate.read_bytes()).fingerprint != first.fingerprint

    pem = certificate.make("other", []).decode()
    split = pem.index("-----BEGIN CERTIFICATE")
    own = {"certificate": pem[split:], "key": pem[pem.index("-----BEGIN PRIVATE") : split]}
    assert "this is not the password" in said(send(owner, "/system/certificate", password="guess", **own))
    wrong = {**own, "key": certificate.make("x", []).decode().partition("-----BEGIN CERT")[0]}
    answer = send(owner, "/system/certificate", password=PASSWORD, **wrong)
    assert answer.status_code == 422 and "the key is not that of the certificate" in said(answer)
    assert own["certificate"].splitlines()[3] in said(answer), "what was typed stays"
    assert send(owner, "/system/certificate", password=PASSWORD, **own).status_code == 302
    found = certificate.read(paths.tls_certificate.read_bytes())
    assert found.names == ("other.local", "other") and found.made_for == ""
    page = said(owner.get("/system/certificate"))
    assert "your own" in page and "PRIVATE KEY" not in page
