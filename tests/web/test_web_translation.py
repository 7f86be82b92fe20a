# SPDX-License-Identifier: MIT
"""Every text of the pages goes through the catalogue: with one that puts brackets around all, nothing is left bare."""

from __future__ import annotations

import dataclasses
import gettext
import ipaddress
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browsing import PATIENCE_MS, Served
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from snapshots import ACQUIRING, HOLDOVER, LOCKED, UNSYNCHRONISED, Publish
from visiting import PASSWORD, send, welcome

from stratum1 import upstream
from stratum1.ntp import counters as layout
from stratum1.ntp.counters import CountersPage
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking import Reason, Snapshot
from stratum1.upstream import Server, Tally, Upstream, Verdict
from stratum1.web import password as rules
from stratum1.web import spoken
from stratum1.web.app import create_app
from stratum1.words import describe, tongue

TOP = Path(__file__).resolve().parents[2]


class Brackets(gettext.NullTranslations):
    """A language in which every text stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@pytest.fixture
def brackets() -> Iterator[None]:
    tongue.use(Brackets())
    yield
    tongue.use(gettext.NullTranslations())


class Visible(HTMLParser):
    """The texts that a person reads or hears; what is typed, and what the box only passes on, is no language."""

    MUTE = frozenset({"script", "style", "pre", "code", "option", "textarea"})
    EMPTY = frozenset({"meta", "link", "input", "br", "path", "circle", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.mute = 0
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.MUTE:
            self.mute += 1
        self.texts += [value or "" for name, value in attrs if name in ("aria-label", "title", "alt")]
        if tag not in self.EMPTY:
            self.texts.append("\0")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.MUTE:
            self.mute -= 1
        self.texts.append("\0")

    def handle_data(self, data: str) -> None:
        if not self.mute:
            self.texts.append(data)


def bare(page: str) -> list[str]:
    """Words outside all brackets; brackets may hold markup and each other."""
    reader = Visible()
    reader.feed(page)
    depth, left = 0, ""
    for letter in "".join(reader.texts):
        depth += (letter == "⟦") - (letter == "⟧")
        if depth == 0 and letter != "⟧":
            left += letter
    return [word for part in left.split("\0") for word in words(part)]


def words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z][A-Za-z’-]{2,}", text)


# What is the same in every language: names, addresses, states on the wire, units, the words of ntpq and of programs.
SAME = frozenset(
    re.findall(
        r"\S+",
        """stratum LOCKED HOLDOVER ACQUIRING UNSYNCHRONISED PPS UTC JST GPS Galileo GLONASS dev ttyAMA pps u-blox MAX-M
        dB-Hz ppm remote refid when poll reach delay offset jitter ntp example clock Asia Tokyo web supervisor Linux
        Monday Tuesday Wednesday Thursday Friday Saturday Sunday Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec min
        AES AES-CMAC SHA NTP""",
    )
)


def values() -> set[str]:
    """What a settings file may hold is no language either."""
    found: set[str] = set()
    for section in dataclasses.fields(Settings()):
        for item in dataclasses.fields(getattr(Settings(), section.name)):
            texts = [item.default, *item.metadata["choices"]]
            found |= {"on", "off"} | {word for text in texts for word in words(str(text))}
    return found


PAGES = ("/", "/history", "/sources", "/clients", "/help", "/welcome", "/clock?zones=Asia/Tokyo", "/no/such")


@pytest.fixture
def client(paths: Paths, monkeypatch: pytest.MonkeyPatch, brackets: None) -> Iterator[FlaskClient]:
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)
    row = {"prn": 7, "constellation": "GPS", "elevation_deg": 45, "azimuth_deg": 90, "cn0_dbhz": 44.0, "used": True}
    paths.receiver_status.write_text(json.dumps({"name": "u-blox MAX-M8Q", "satellites": [row]}), encoding="utf-8")
    counters = CountersPage(paths.responder_counters, workers=1, rows=4)
    address, now = int(ipaddress.IPv4Address("192.0.2.77")), time.monotonic_ns()
    row = (address, 0, now, 0, 64 * 10**9, 1003, 300, now // 10**9, 0, 1 << 3 | 1, 0, 0)
    layout._ROW.pack_into(counters.client_rows(0), 0, *row)
    server = Server("ntp.example", "192.0.2.1", Tally.CANDIDATE, "", 1, "GPS", 0, 1, 64, time.monotonic_ns(), 5, 5, 5)
    upstream.write(paths, Upstream(Verdict.AGREES, (server,), 0, 1000, 0, 1, 0, time.monotonic_ns()))
    app = create_app(paths)
    box = app.extensions["box"]
    box.settings = box.settings.changed("upstream.servers", ["ntp.example"])
    with app.test_client() as found:
        yield found


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("snapshot", [LOCKED, HOLDOVER, ACQUIRING, UNSYNCHRONISED], ids=lambda s: s.state.name)
def test_no_text_of_a_page_was_missed(client: FlaskClient, publish: Publish, snapshot: Snapshot, path: str) -> None:
    publish(snapshot)
    page = client.get(path).text
    assert "⟦" in page
    assert [word for word in bare(page) if word not in SAME] == []


KNOWN = (
    "/settings",
    "/password",
    "/sources",
    "/clients",
    "/system",
    "/system/log",
    "/system/keys",
    "/system/tokens",
    "/system/test",
    "/system/restart",
    "/system/reset",
    "/system/update",
    "/system/backup",
    "/system/certificate",
    "/clients/192.0.2.77",
)


@pytest.mark.parametrize("path", KNOWN)
def test_nor_of_those_behind_the_password(client: FlaskClient, publish: Publish, path: str) -> None:
    publish(LOCKED)
    welcome(client)
    answer = client.get(path)
    assert answer.status_code == 200
    machine = words(platform.platform() + platform.release())
    same = SAME | values() if path == "/settings" else SAME | set(machine)
    assert [word for word in bare(answer.text) if word not in same] == []


FORMS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("/password", "", {"old": "wrong", "password": "x", "again": "y"}),
    ("/system/tokens", "", {"name": "x", "scope": "root", "password": "wrong"}),
    ("/system/tokens", "", {"name": "", "scope": "read", "password": PASSWORD}),
    ("/system/backup", "", {"passphrase": "short", "again": "other"}),
    ("/system/backup", "/system/restore", {"password": "wrong", "passphrase": "x"}),
    ("/system/certificate", "", {"certificate": "nothing", "password": PASSWORD}),
    ("/system/certificate", "", {"certificate": "nothing", "password": "wrong"}),
    ("/system/reset", "", {"password": "wrong"}),
    ("/sources", "/sources/delay", {"cable": "RG58", "length_m": "long", "other_ns": "0"}),
)


@pytest.mark.parametrize(("page", "to", "fields"), FORMS)
def test_nor_of_what_is_said_of_a_bad_value(
    client: FlaskClient, publish: Publish, page: str, to: str, fields: dict[str, str]
) -> None:
    publish(LOCKED)
    welcome(client)
    answer = send(client, page, to, **fields)
    assert 'class="error"' in answer.text
    said = "".join(re.findall(r'<p class="error"[^>]*>(.*?)</p>', answer.text, re.DOTALL))
    assert said and [word for word in bare(said) if word not in SAME] == []


SCRIPTS = sorted(Path(spoken.__file__).with_name("static").glob("*.js"))


def test_what_scripts_say_is_all_there_for_translators() -> None:
    said = {
        text
        for script in SCRIPTS
        if script.name != "say.js"
        for text in re.findall(r'\bsay\("((?:[^"\\]|\\.)*)"', script.read_text(encoding="utf-8"))
    }
    assert said == set(spoken.TEXTS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_sentence_of_a_script_goes_around_the_catalogue(script: Path) -> None:
    """Two words or more with a space between: whatever a script puts into a page looks like that."""
    text = re.sub(r"//.*", "", script.read_text(encoding="utf-8")).replace('"use strict"', "")
    text = re.sub(r'\bsay\("(?:[^"\\]|\\.)*"', "say(", text)
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`', text)
    found = [literal for pair in literals for literal in pair if re.search(r"[a-z]{2,} [a-z]{2,}", literal)]
    assert [each for each in found if each not in NO_LANGUAGE] == []


NO_LANGUAGE = frozenset({"11px system-ui, sans-serif", "Error bound", "reading back"})
"""A font, a name in the JSON of the status, a step of an update."""


def test_a_script_speaks_the_language_of_the_page(brackets: None, browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.goto(served.url)
    expect(page.locator("#bound")).to_have_text(re.compile(r"^⟦\S+ .s from true time⟧$"), timeout=PATIENCE_MS)
    served.stop()
    expect(page.locator("#lost")).to_contain_text("⟦No contact with the box", timeout=PATIENCE_MS)
    page.close()


def test_in_english_nothing_is_sent_along(client: FlaskClient) -> None:
    assert 'id="spoken"' in client.get("/").text
    tongue.use(gettext.NullTranslations())
    assert 'id="spoken"' not in client.get("/").text


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_is_said_in_the_language_of_who_reads(brackets: None, reason: Reason) -> None:
    status = describe(Snapshot(reason=reason), (10**18, 10**12, False))
    for text in (status.headline, status.advice, status.short):
        assert text.startswith("⟦") and text.endswith("⟧")


def test_the_reader_of_the_pages_sees_what_is_bare() -> None:
    assert bare('<p aria-label="spoken">⟦told <a>⟦twice⟧</a>⟧ bare<script>var x;</script></p>') == ["spoken", "bare"]


def test_all_texts_are_collected_for_translators(tmp_path: Path) -> None:
    pytest.importorskip("babel")
    pot = tmp_path / "stratum1.pot"
    command = [TOP / "scripts" / "messages.sh", pot, f"{Path(sys.executable).parent}/pybabel"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    text = re.sub(r'"\n"', "", pot.read_text(encoding="utf-8"))
    for wanted in (
        "Changes of state",
        "The pulse has stopped",
        "Time zone of displays",
        "Public address",
        "New password",
    ):
        assert wanted in text
    assert "%(host)s" in text, "what stands between the words is named for translators"


def test_a_catalogue_that_is_asked_for_by_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    support = pytest.importorskip("babel.messages.mofile")
    catalog = pytest.importorskip("babel.messages.catalog").Catalog(locale="de")
    catalog.add("Starting.", "Startet.")
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with open(folder / "stratum1.mo", "wb") as file:
        support.write_mo(file, catalog)
    monkeypatch.setattr(tongue, "LOCALE", tmp_path)
    monkeypatch.setenv("LANGUAGE", "de")
    try:
        tongue.begin()
        assert tongue.gettext("Starting.") == "Startet." and tongue.gettext("GPS") == "GPS"
        monkeypatch.setenv("LANGUAGE", "fr")
        tongue.begin()
        assert tongue.gettext("Starting.") == "Starting."
    finally:
        tongue.use(gettext.NullTranslations())
