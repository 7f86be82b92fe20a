# SPDX-License-Identifier: MIT
"""A person changes the network of a running box in a real browser: finds it at its new address, or gets it back."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_lab import FIXED, LEASE, ROUTER, Lab, wait_for
from playwright.sync_api import Page, expect, sync_playwright

from stratum1.settings import load

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PASSWORD = "green teapot rides"
PATIENCE_MS = 40_000


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    found = Lab(tmp_path)
    try:
        found.supervise()
        wait_for("the page", lambda: found.has(LEASE) and found.reaches(LEASE))
        yield found
    finally:
        found.close()


@pytest.fixture
def page(lab: Lab) -> Iterator[Page]:
    """A browser on the router's side of the cable, logged in."""
    browser_there = lab.folder / "chromium"
    browser_there.write_text(f'#!/bin/sh\nexec {shlex.join(lab.router)} {CHROMIUM} "$@"\n')
    browser_there.chmod(0o755)
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = play.chromium.launch(executable_path=str(browser_there), args=flags)
        found = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
        found.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        found.goto(f"http://{LEASE}/welcome")
        found.get_by_label("Password").fill(PASSWORD)
        found.get_by_label("The same once more").fill(PASSWORD)
        found.get_by_role("button").last.click()
        expect(found).to_have_url(re.compile("/settings"))
        yield found
        browser.close()


def fix(page: Page, address: str, gateway: str) -> None:
    expect(page.locator("#network__ipv4_address")).to_be_hidden()
    page.locator("#network__ipv4").select_option("static")
    page.locator("#network__ipv4_address").fill(address)
    page.locator("#network__ipv4_gateway").fill(gateway)
    page.get_by_role("button", name="Store").click()


def test_the_box_is_found_at_its_new_address_and_kept_there(lab: Lab, page: Page) -> None:
    fix(page, f"{FIXED}/24", "192.168.78.1")
    expect(page.locator("#network__ipv4_gateway-error")).to_contain_text("not in the network 192.168.77.0/24")
    assert load(lab.paths.settings).settings.network.ipv4 == "dhcp"
    page.locator("#network__ipv4_gateway").fill(ROUTER)
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("heading", name="The network changes now")).to_be_visible()
    wait_for("the page at the new address", lambda: lab.reaches(FIXED))
    expect(page.locator("#gone")).to_be_visible()
    page.get_by_role("link", name=FIXED).click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").last.click()
    expect(page.locator("#left")).to_have_text(re.compile(r"^[1-5]?\d$"))
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("The new network settings are kept.")).to_be_visible()
    assert lab.status["trial"] is None and lab.has(FIXED)
    expect(page.locator("#network__ipv4_address")).to_have_value(f"{FIXED}/24")


def test_who_does_nothing_gets_the_former_address_back_and_is_told(lab: Lab, page: Page) -> None:
    fix(page, "10.99.0.5/24", "")
    expect(page.get_by_role("heading", name="The network changes now")).to_be_visible()
    wait_for("the new address", lambda: lab.has("10.99.0.5"))
    expect(page.locator("#gone")).to_be_visible()
    # Nothing is hurried here: this is the minute that a person has.
    wait_for("the former address", lambda: lab.has(LEASE) and lab.reaches(LEASE), seconds=90)
    expect(page).to_have_url(re.compile("/settings$"), timeout=20_000)
    expect(page.get_by_text("Nobody confirmed the new network settings within 60 s")).to_be_visible()
    expect(page.locator("#network__ipv4")).to_have_value("dhcp")
