# SPDX-License-Identifier: MIT
"""A real browser keeps the box in order: each form of the System pages, what it refuses, and an update in pieces."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from browsing import PATIENCE_MS, PHONE, WIDE, Served
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_web_system import ADDRESSES
from test_web_update import appliance, bundle
from visiting import PASSWORD

from stratum1.ntp import keyfile
from stratum1.paths import Paths
from stratum1.supervisor.log import Log
from stratum1.update.progress import Progress, write_progress
from stratum1.web import certificate
from stratum1.web.tokens import Tokens

PAGES = [path for path in ADDRESSES if path not in ("/system/support", "/system/update/progress")]


def enter(page: Page, served: Served) -> None:
    """Through the first visit into the page."""
    page.goto(f"{served.url}/welcome")
    for label in ("Password", "The same once more"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()
    expect(page).to_have_url(f"{served.url}/settings")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    found = browser.new_context(viewport=WIDE)
    yield found
    found.close()


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    found = context.new_page()
    complaints: list[str] = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    found.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    enter(found, served)
    yield found
    assert not complaints


def test_from_the_system_page_everything_is_one_step_away(page: Page, served: Served, paths: Paths) -> None:
    Log(paths.log).write("responder: answers on port 123")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="System").click()
    for name, heading in (
        ("Log", "Log"),
        ("NTP keys", "NTP keys"),
        ("API tokens", "API tokens"),
        ("Back-up", "Back-up"),
        ("Certificate", "Certificate"),
        ("Update", "Update"),
        ("Factory reset", "Factory reset"),
    ):
        page.locator(".doors").get_by_role("link", name=re.compile(f"^{name}")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        page.get_by_role("link", name="Back to System").click()
    page.get_by_role("link", name="Self-test").click()
    expect(page.get_by_role("status")).to_contain_text("Something does not work.")
    with page.expect_download() as downloading:
        page.goto(f"{served.url}/system")
        page.get_by_role("link", name="Support bundle").click()
    assert downloading.value.suggested_filename.endswith(".zip")


def test_the_log_goes_on_while_somebody_looks(page: Page, served: Served, paths: Paths) -> None:
    log = Log(paths.log)
    log.write("responder: first")
    page.goto(f"{served.url}/system/log")
    expect(page.locator(".log")).to_contain_text("first")
    log.write("responder: second")
    expect(page.locator(".log")).to_contain_text("second")


def test_a_key_is_made_shown_and_deleted(page: Page, served: Served, paths: Paths) -> None:
    page.goto(f"{served.url}/system/keys")
    page.get_by_role("button", name="Make it").click()
    [key] = keyfile.read(paths.ntp_keys)
    expect(page.locator("code").first).to_have_text(f"1 AES128 HEX:{key.secret.hex().upper()}")
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()
    page.get_by_role("button", name="Delete key 1").click()
    expect(page.get_by_role("status").first).to_contain_text("Key 1 is deleted")
    assert keyfile.read(paths.ntp_keys) == []


def test_a_token_wants_the_password_and_a_name(page: Page, served: Served, paths: Paths) -> None:
    page.goto(f"{served.url}/system/tokens")
    page.get_by_label("What it is for").fill("Grafana")
    page.get_by_label("Your password").fill("guess")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#password-error")).to_contain_text("this is not the password")
    expect(page.get_by_label("What it is for")).to_have_value("Grafana")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("code").first).to_have_text(re.compile(r"^stratum1_[\w-]{43}$"))
    page.goto(f"{served.url}/system/tokens")
    page.get_by_role("button", name="Delete Grafana").click()
    expect(page.get_by_role("status").first).to_contain_text("logged out")


def test_a_back_up_goes_out_and_comes_back(page: Page, served: Served, paths: Paths, tmp_path: Path) -> None:
    page.goto(f"{served.url}/system/backup")
    page.get_by_label("Passphrase", exact=True).fill("short")
    page.get_by_role("button", name="Make a back-up").click()
    expect(page.locator("#passphrase-error")).to_contain_text("at least 10")
    page.get_by_label("Passphrase", exact=True).fill("seven green bottles")
    page.get_by_label("The same once more").fill("seven green bottles")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Make a back-up").click()
    kept = tmp_path / "kept"
    downloading.value.save_as(kept)
    key = keyfile.add_key(paths.ntp_keys)
    for phrase, content, problem in (
        ("wrong", kept.read_bytes(), "wrong passphrase"),
        ("seven green bottles", kept.read_bytes()[:-9], "torn or damaged"),
        ("seven green bottles", kept.read_bytes(), ""),
    ):
        page.goto(f"{served.url}/system/backup")
        page.get_by_label("Back-up", exact=True).set_input_files(
            {"name": "kept", "mimeType": "application/octet-stream", "buffer": content}
        )
        page.get_by_label("Its passphrase").fill(phrase)
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Restore", exact=True).click()
        if problem:
            expect(page.locator("#file-error")).to_contain_text(problem)
    expect(page.get_by_role("status").last).to_contain_text("Restored")
    assert key in paths.ntp_keys.read_text(), "what a back-up does not hold stays"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl signs and verifies")
def test_an_update_is_uploaded_in_pieces_and_a_torn_one_refused(page: Page, served: Served, paths: Paths) -> None:
    key = appliance(paths)
    good = bundle(key)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key.with_name("other")], check=True)

    def upload(content: bytes, password: str = PASSWORD) -> None:
        page.goto(f"{served.url}/system/update")
        page.get_by_label("Update", exact=True).set_input_files(
            {"name": "new.update", "mimeType": "application/octet-stream", "buffer": content}
        )
        page.locator("#password").fill(password)
        page.get_by_role("button", name="Upload and install").click()

    upload(good[:70_000])
    expect(page.get_by_role("alert").first).to_contain_text("not all of it has arrived")
    upload(bundle(key.with_name("other")))
    expect(page.get_by_role("alert").first).to_contain_text("the signature is not that of this box's maker")
    upload(b"")
    expect(page.locator("#refused")).to_contain_text("Choose a file that is not empty")
    upload(good, "guess")
    expect(page.locator("#password-error")).to_contain_text("this is not the password")
    assert not paths.order.exists()
    upload(good)
    expect(page).to_have_url(f"{served.url}/system/update/going")
    assert paths.order.read_text() == "update\n" and paths.update_bundle.read_bytes() == good
    write_progress(paths, Progress("writing", 60, 120, "2.0"))
    expect(page.locator("#step")).to_have_text("Writing the other slot …")
    expect(page.locator("#bar")).to_have_attribute("value", "0.5")
    write_progress(paths, Progress("failed", problem="root: damaged on the way"))
    expect(page.get_by_role("alert").first).to_contain_text("The last update failed: root: damaged on the way")


def test_a_certificate_that_does_not_do_is_refused_beside_its_field(page: Page, served: Served, paths: Paths) -> None:
    page.goto(f"{served.url}/system/certificate")
    page.get_by_label("Certificate and what vouches").fill("hello")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#certificate-error")).to_contain_text("there is no certificate in it")
    pem = certificate.make("other", []).decode()
    split = pem.index("-----BEGIN CERTIFICATE")
    page.get_by_label("Certificate and what vouches").fill(pem[split:])
    page.get_by_label("Key", exact=True).fill(pem[pem.index("-----BEGIN PRIVATE") : split])
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("status").first).to_contain_text("Your certificate is in use")
    expect(page.locator(".facts")).to_contain_text("other.local")


def test_a_factory_reset_ends_at_the_first_visit(page: Page, served: Served, paths: Paths) -> None:
    page.goto(f"{served.url}/system/reset")
    page.get_by_label("Your password").fill("guess")
    page.get_by_role("button", name="Forget everything").click()
    expect(page.locator("#password-error")).to_contain_text("this is not the password")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Forget everything").click()
    expect(page).to_have_url(f"{served.url}/")
    page.goto(f"{served.url}/settings")
    expect(page).to_have_url(f"{served.url}/welcome")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_shows_it_all(
    browser: Browser, served: Served, paths: Paths, axe: str, scheme: Literal["light", "dark"]
) -> None:
    appliance(paths)
    (paths.data / "slots.json").write_text('{"B": "0.9"}')
    Log(paths.log).write("responder: answers on port 123 " + "x" * 300)
    paths.tls_certificate.write_bytes(certificate.make("clock", ["2001:db8:1234:5678:ba27:ebff:fe12:3456"]))
    keyfile.add_key(paths.ntp_keys)
    Tokens(paths.api_tokens).make("a program with a name as long as it may be, and no longer", "write")
    served.box.tls.port = 443
    # The policy would keep the checker out, as it should; the pages' own scripts are checked elsewhere.
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    enter(page, served)
    for path in PAGES:
        page.goto(served.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        assert found["passes"], path
        assert [(path, each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    context.close()
