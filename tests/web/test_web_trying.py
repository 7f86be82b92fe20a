# SPDX-License-Identifier: MIT
"""A test of a way of alarms says what became of it, changes nothing, and is for the owner alone."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from browsing import PATIENCE_MS, PHONE, Served
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from test_web_settings import GOOD, filled, owner, token

from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.settings.alarms import WAYS
from stratum1.web.trying import UNSTORED

__all__ = ["owner"]


class Hook(http.server.BaseHTTPRequestHandler):
    posts: list[dict[str, object]]
    answer: int

    def do_POST(self) -> None:
        type(self).posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(type(self).answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[type[Hook]]:
    """A web service; `url` is where it is."""
    handler = type("OneHook", (Hook,), {"posts": [], "answer": 204})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_address[1]}/"  # type: ignore[attr-defined]
    yield handler
    server.shutdown()
    server.server_close()


def store(owner: FlaskClient, **fields: str) -> None:
    assert owner.post("/settings", data={**filled(owner.get("/settings").text), **fields}).status_code == 302


def test_before_a_server_is_stored_there_is_nothing_to_try(owner: FlaskClient) -> None:
    page = owner.get("/settings").text
    assert page.count(UNSTORED) == len(WAYS) and "Send a test" not in page
    form = {"csrf_token": token(page)}
    for way in WAYS:
        answer = owner.post(f"/settings/test/{way}", data=form, headers={"Accept": "application/json"})
        assert answer.json == {"well": False, "said": UNSTORED}
    assert owner.post("/settings/test/pigeon", data=form).status_code == 404


def test_the_verdict_is_told_with_and_without_script(owner: FlaskClient, hook: type[Hook]) -> None:
    store(owner, webhook__url=hook.url)  # type: ignore[attr-defined]
    form = {"csrf_token": token(owner.get("/settings").text)}
    well = owner.post("/settings/test/webhook", data=form, headers={"Accept": "application/json"})
    assert well.json == {"well": True, "said": "Test by the webhook: sent."}
    assert [post["kind"] for post in hook.posts] == ["test"]
    hook.answer = 410
    bad = owner.post("/settings/test/webhook", data=form, follow_redirects=True)
    assert "The test by the webhook failed: 127.0.0.1 answered 410" in bad.text


def test_not_without_the_token_and_not_for_strangers(owner: FlaskClient, hook: type[Hook]) -> None:
    store(owner, webhook__url=hook.url)  # type: ignore[attr-defined]
    owner.post("/settings/test/webhook", data={})
    stranger = owner.application.test_client()
    assert stranger.post("/settings/test/webhook").headers["Location"].endswith("/login")
    assert hook.posts == []


def test_how_a_way_does_stands_beside_its_button(owner: FlaskClient, paths: Paths, hook: type[Hook]) -> None:
    store(owner, webhook__url=hook.url)  # type: ignore[attr-defined]
    paths.alarms_status.write_text(
        json.dumps({"ways": {"webhook": {"sent": 3, "waiting": 2, "problem": "x port 9: <refused>"}, "mail": 5}})
    )
    assert "Does not work now: x port 9: &lt;refused&gt;; 2 waiting" in owner.get("/settings").text
    paths.alarms_status.write_text('{"ways": {"webhook": {"sent": 3}}}')
    assert "Works: 3 sent since its start." in owner.get("/settings").text


def test_a_browser_shows_the_verdict_and_loses_nothing_that_was_typed(
    browser: Browser, served: Served, hook: type[Hook], axe: str
) -> None:
    page = browser.new_context(viewport=PHONE, bypass_csp=True).new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(f"{served.url}/welcome")
    page.get_by_label("Password").fill(GOOD)
    page.get_by_label("The same once more").fill(GOOD)
    page.get_by_role("button").last.click()
    page.locator("#webhook__url").fill(hook.url)  # type: ignore[attr-defined]
    page.locator("#webhook__url").press("Enter")
    expect(page.locator(".notice.good")).to_contain_text("Stored.")
    assert load(served.box.paths.settings).settings.webhook.url and hook.posts == [], "Enter stores, and tries nothing"
    page.locator("#mail__server").fill("typed.example.org")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#webhook-said")).to_have_text("Test by the webhook: sent.")
    hook.answer = 500
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#webhook-said")).to_contain_text("answered 500")
    expect(page.locator("#mail__server")).to_have_value("typed.example.org")
    page.evaluate(axe)
    found = page.evaluate("axe.run().then((result) => result.violations.map((v) => [v.id, v.nodes[0].html]))")
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.context.close()
