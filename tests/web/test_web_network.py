# SPDX-License-Identifier: MIT
"""The page of a network on trial: where the box is now, keep it, go back; hands off where the network is not ours."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Literal

import pytest
from browsing import PATIENCE_MS, PHONE, WIDE, Served
from flask.testing import FlaskClient
from playwright.sync_api import Browser, ViewportSize, expect
from test_web_settings import GOOD, filled, owner, token

from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.settings.network import Network
from stratum1.web import moving

__all__ = ["owner", "token"]
STATIC = {"network__ipv4": "static", "network__ipv4_address": "192.168.7.5/24", "network__ipv4_gateway": "192.168.7.1"}


@pytest.fixture
def says(paths: Paths) -> Callable[..., None]:
    """Writes what a supervisor that sets up the network would say."""

    def write(mark: str = "", left: float = 60.0, said: str = "", problem: str = "") -> None:
        trial = {"mark": mark, "until": time.monotonic() + left} if mark else None
        paths.network_status.write_text(json.dumps({"trial": trial, "said": said, "problem": problem}))

    return write


def mark_token(page: str) -> dict[str, str]:
    found = re.search(r'id="trial-token" name="csrf_token" type="hidden" value="([^"]+)"', page)
    mark = re.search(r'id="trial-mark" name="mark" type="hidden" value="([^"]+)"', page)
    assert found and mark
    return {"csrf_token": found[1], "mark": mark[1]}


def test_on_a_pc_the_fields_of_the_network_cannot_be_changed_and_the_reason_stands_there(
    owner: FlaskClient, paths: Paths
) -> None:
    page = html.unescape(owner.get("/settings").text)
    assert moving.ELSEWHERE in page
    tags = re.findall(r'<(?:input|select|textarea)[^>]*name="network__\w+"[^>]*>', page)
    assert tags and all(" disabled" in tag for tag in tags)
    form = {**filled(page), **STATIC, "ntp__port": "11123"}
    assert owner.post("/settings", data=form).status_code == 302
    stored = load(paths.settings).settings
    assert stored.network == Network() and stored.ntp.port == 11123


def test_a_change_is_answered_at_once_with_where_the_box_is_found(
    owner: FlaskClient, paths: Paths, says: Callable[..., None]
) -> None:
    says()
    form = {**filled(owner.get("/settings").text), **STATIC}
    notice = threading.Timer(0.2, says, kwargs={"mark": "a1"})
    notice.start()
    answer = owner.post("/settings", data=form)
    notice.join()
    assert answer.status_code == 200 and "The network changes now" in answer.text
    assert 'href="http://192.168.7.5/settings"' in answer.text
    assert load(paths.settings).settings.network.ipv4_address == "192.168.7.5/24"


def test_a_change_that_nobody_notices_is_stored_all_the_same(
    owner: FlaskClient, paths: Paths, says: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "NOTICED_S", 0.1)
    says()
    assert owner.post("/settings", data={**filled(owner.get("/settings").text), **STATIC}).status_code == 302
    assert load(paths.settings).settings.network.ipv4 == "static"


@pytest.mark.parametrize("what", ["keep", "back"])
def test_what_is_decided_reaches_the_supervisor_with_its_mark(
    owner: FlaskClient, paths: Paths, says: Callable[..., None], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(moving, "NOTICED_S", 0.1)
    says(mark="a1")
    form = mark_token(owner.get("/settings").text)
    owner.post(f"/settings/network/{what}", data={"mark": "a1"})
    assert not paths.order.exists(), "not without the token"
    assert owner.post(f"/settings/network/{what}", data=form).status_code == 302
    assert paths.order.read_text() == f"network-{what} a1\n"


def test_what_is_decided_too_late_is_said_and_counts_for_nothing_else(
    owner: FlaskClient, paths: Paths, says: Callable[..., None]
) -> None:
    says(mark="a1")
    form = mark_token(owner.get("/settings").text)
    says(mark="b2")
    answer = owner.post("/settings/network/keep", data=form, follow_redirects=True)
    assert "came too late" in answer.text and not paths.order.exists()


def test_what_became_of_it_is_said(owner: FlaskClient, says: Callable[..., None]) -> None:
    says(said="Nobody confirmed.", problem="no device eth0")
    page = owner.get("/settings").text
    assert "Nobody confirmed." in page and "no device eth0" in page
    assert owner.get("/settings/network").headers["Location"] == "/settings"
    assert owner.get("/settings/network/trial").json == {"trial": None}
    says(mark="a1", left=42.4)
    assert owner.get("/settings/network/trial").json == {"trial": {"mark": "a1", "left_s": 42}}


def test_strangers_neither_see_nor_decide(owner: FlaskClient, paths: Paths, says: Callable[..., None]) -> None:
    says(mark="a1")
    stranger = owner.application.test_client()
    for path in ("/settings/network", "/settings/network/trial"):
        assert stranger.get(path).headers["Location"].endswith("/login")
    assert stranger.post("/settings/network/keep").headers["Location"].endswith("/login")
    assert not paths.order.exists()


@pytest.mark.parametrize(
    ("network", "scheme", "port", "first"),
    [
        (Network(ipv4="static", ipv4_address="10.0.0.5/8"), "http", None, "http://10.0.0.5/"),
        (Network(ipv4="static", ipv4_address="10.0.0.5/8"), "https", 443, "https://10.0.0.5/"),
        (Network(ipv6="static", ipv6_address="2001:db8::5/64"), "http", 8080, "http://[2001:db8::5]:8080/"),
    ],
)
def test_addresses_can_be_followed(network: Network, scheme: str, port: int | None, first: str) -> None:
    assert moving.places(network, scheme, port)[0] == first


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (WIDE, "dark")], ids=["phone", "desk at night"])
def test_a_browser_counts_the_trial_down_and_goes_on_when_it_is_over(
    browser: Browser, served: Served, axe: str, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    def says(mark: str, left: float = 50.0) -> None:
        trial = {"mark": mark, "until": time.monotonic() + left} if mark else None
        served.box.paths.network_status.write_text(json.dumps({"trial": trial, "said": "", "problem": ""}))

    says("a1")
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(f"{served.url}/welcome")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_label("The same once more").fill(GOOD)
    page.get_by_role("button").last.click()
    for path in ("/settings/network", "/settings"):
        page.goto(f"{served.url}{path}")
        expect(page.locator("#left")).to_have_text(re.compile(r"^[1-4]\d$"))
        first = int(page.locator("#left").inner_text())
        expect(page.locator("#left")).to_have_text(str(first - 1))
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((result) => result.violations.map((v) => [v.id, v.nodes[0].html]))")
        assert found == []
    page.goto(f"{served.url}/settings/network")
    says("")
    expect(page).to_have_url(re.compile("/settings$"))
    expect(page.locator("#trial")).to_have_count(0)
    context.close()
