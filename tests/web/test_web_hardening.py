# SPDX-License-Identifier: MIT
"""What a stranger on the network tries first (OWASP's list), and why it gets him nowhere."""

from __future__ import annotations

import io
import json
import re
import urllib.parse

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from visiting import PASSWORD, said, send, token

from stratum1.paths import Paths
from stratum1.supervisor.log import Log
from stratum1.web.app import LARGEST_FORM, create_app
from stratum1.web.doors import LARGEST_BODY, LIMITS
from stratum1.web.headers import HEADERS

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def every_page(client: FlaskClient) -> list[str]:
    return sorted(
        rule.rule
        for rule in client.application.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments and rule.rule != "/api/v1/live"
    )


def test_every_answer_carries_every_header_and_none_has_inline_script(owner: FlaskClient) -> None:
    pages = every_page(owner)
    assert len(pages) > 30
    for path in [*pages, "/no/such/page", "/static/page.css", "/api/v1/nothing"]:
        answer = owner.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
        if answer.mimetype == "text/html":
            assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", answer.text), path
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy


def test_nothing_private_is_kept_by_a_browser_or_a_proxy(owner: FlaskClient) -> None:
    for path in every_page(owner):
        if not path.startswith("/static"):
            assert owner.get(path).headers["Cache-Control"] == "no-store", path


PATHS = (
    "/static/../../settings/schema.py",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fapp.py",
    "/static//etc/passwd",
    "/static/....//....//etc/passwd",
    "/static/%00",
    "/static/..\\..\\app.py",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_the_static_files(owner: FlaskClient, path: str) -> None:
    answer = owner.get(path, follow_redirects=True)
    assert answer.status_code in (400, 404) and "root:" not in answer.text and "import" not in answer.text


@given(path=st.text(max_size=40))
@rounds(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_address_at_all_makes_it_stumble(owner: FlaskClient, path: str) -> None:
    for base in ("/", "/static/", "/system/", "/system/keys/", "/api/v1/", "/system/log?process="):
        assert owner.get(base + urllib.parse.quote(path)).status_code < 500


def test_what_a_stranger_writes_is_shown_as_text(owner: FlaskClient, paths: Paths) -> None:
    Log(paths.log).write(f"gpsd: {EVIL}")
    paths.receiver_status.write_text(json.dumps({"name": EVIL, "problem": EVIL}))
    paths.children_status.write_text(json.dumps({"gpsd": {"state": "waiting", "why": EVIL}}))
    for path in (
        "/system/log",
        "/sources",
        "/system/test",
        f"/system/log?process={urllib.parse.quote(EVIL)}",
        f"/{EVIL}",
    ):
        text = owner.get(path).text
        assert "<script>alert" not in text and "<img src=x" not in text, path
    for path, fields in (
        ("/system/tokens", {"name": EVIL, "scope": EVIL, "password": EVIL}),
        ("/system/keys", {"kind": EVIL}),
        ("/system/certificate", {"certificate": EVIL, "key": EVIL, "password": EVIL}),
        ("/system/backup", {"passphrase": EVIL, "again": "other"}),
    ):
        answer = send(owner, path, **fields)
        assert answer.status_code == 422 and "<script>alert" not in answer.text, path


def test_a_name_cannot_smuggle_a_header(owner: FlaskClient) -> None:
    file = (io.BytesIO(b"x"), "a\r\nSet-Cookie: evil=1")
    answer = send(owner, "/system/backup", "/system/restore", file=file, passphrase="x", password=PASSWORD)
    assert answer.status_code == 422 and "evil" not in str(answer.headers)
    answer = owner.get("/history?span=hour%0d%0aSet-Cookie:%20evil=1")
    assert "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/settings", "/password", "/system/restart", "/system/reset", "/system/keys", "/system/tokens", "/system/update",
     "/system/backup", "/system/restore", "/system/certificate", "/system/certificate/new", "/system/keys/1/delete"],
)  # fmt: skip
def test_no_form_of_another_site_does_anything(owner: FlaskClient, paths: Paths, path: str) -> None:
    before = {each.name: each.read_bytes() for each in paths.data.iterdir()}
    for forged in ({}, {"csrf_token": "x"}, {"csrf_token": token(create_app(paths).test_client().get("/login").text)}):
        owner.post(path, data={"password": PASSWORD, "kind": "AES128", "name": "x", "scope": "write", **forged})
    assert {each.name: each.read_bytes() for each in paths.data.iterdir()} == before and not paths.order.exists()


def test_every_form_has_a_limit_in_the_application_and_in_the_server(owner: FlaskClient) -> None:
    for path in ("/settings", "/password", "/system/certificate", "/system/keys"):
        assert owner.post(path, data=b"x" * (LARGEST_FORM + 1)).status_code == 413, path
    assert LIMITS["max_request_body_size"] == LARGEST_BODY < 1 << 20
    assert LIMITS["max_request_header_size"] <= 16_384 and LIMITS["channel_timeout"] <= 60


def test_guessing_the_password_is_slow_wherever_it_is_asked_for(owner: FlaskClient, paths: Paths) -> None:
    for path in ("/system/reset", "/system/tokens", "/system/reset", "/system/tokens", "/password"):
        field = "old" if path == "/password" else "password"
        assert "this is not the password" in said(send(owner, path, **{field: "guess", "name": "x", "scope": "read"}))
    for path in ("/system/reset", "/system/tokens"):
        assert "too many wrong passwords" in said(send(owner, path, password=PASSWORD, name="x", scope="read"))
    assert paths.web_password.exists() and not paths.api_tokens.exists()


def test_a_session_ends_with_the_log_out_and_with_a_new_password(owner: FlaskClient, paths: Paths) -> None:
    other = create_app(paths).test_client()
    assert send(other, "/login", password=PASSWORD).status_code == 302 and other.get("/system").status_code == 200
    new = "purple teapot walks"
    assert send(other, "/password", old=PASSWORD, password=new, again=new).status_code == 302
    assert owner.get("/system").headers["Location"] == "/login"
    page = other.get("/settings").text
    other.post("/logout", data={"csrf_token": token(page)})
    assert other.get("/system").headers["Location"] == "/login"


def test_who_forgot_it_reads_what_to_do(owner: FlaskClient, paths: Paths) -> None:
    page = said(create_app(paths).test_client().get("/login"))
    assert "both buttons" in page and "SETUP MODE" in page
