# SPDX-License-Identifier: MIT
"""The clients page and the metrics tell what the responder wrote; addresses are for who is logged in."""

from __future__ import annotations

import csv
import io
import ipaddress
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from stratum1.ntp import counters as layout
from stratum1.ntp.counters import Client, CountersPage
from stratum1.ntp.verdicts import EXPLAINED, Verdict
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web import password as rules
from stratum1.web.app import create_app
from stratum1.web.client import hardware_address, hints

GOOD = "green teapot rides"


@pytest.fixture
def client(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)
    with create_app(paths).test_client() as found:
        yield found


@pytest.fixture
def responder(paths: Paths) -> CountersPage:
    """A page as a responder leaves it: 1000 answers, three refusals for two reasons, one client."""
    page = CountersPage(paths.responder_counters, workers=1, rows=64)
    page.write(replaced=0, rates=(12.5, 700.0), port=11123, families=(True, True), precision=-24, problem="")
    block = page.block(0)
    verdicts = [0] * 16
    verdicts[Verdict.ANSWER], verdicts[Verdict.RATE], verdicts[Verdict.SHORT] = 1000, 2, 1
    versions = [0, 0, 0, 3, 1000, 0, 0, 0]
    struct.pack_into("=Q16Q8Q", block, 0, 5000, *verdicts, *versions)
    family = struct.calcsize("=Q 16Q 8Q 8Q 6Q qqq Qq")
    block[family], block[family + 1] = 4, 1
    now = time.monotonic_ns()
    address = int(ipaddress.IPv4Address("192.0.2.77"))
    row = (address, 0, now, 0, 64 * 10**9, 1003, 3, now // 10**9, 0, 4 << 3 | 3, 0, 0)
    layout._ROW.pack_into(page.client_rows(0), 0, *row)
    return page


def log_in(client: FlaskClient) -> None:
    match = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get("/welcome").text)
    assert match
    form = {"password": GOOD, "again": GOOD, "name": "clock", "zone": "UTC", "csrf_token": match[1]}
    assert client.post("/welcome", data=form).status_code == 302


def test_traffic_and_refusals_are_told_to_everybody(client: FlaskClient, responder: CountersPage) -> None:
    page = client.get("/clients").text
    for text in ("1000", "12.5 a second", "UDP port 11123, IPv4 and IPv6", "v4: 1000", "Too many requests"):
        assert text in page
    said = client.get("/api/v1/traffic").get_json()
    assert said["served"] == 1000 and said["dropped"] == {"rate": 2, "short": 1}
    metrics = client.get("/metrics").text
    assert 'stratum1_ntp_answers_total{kind="answer"} 1000\n' in metrics
    assert 'stratum1_ntp_dropped_total{reason="rate"} 2\n' in metrics
    assert 'stratum1_ntp_requests_total{version="4"} 1000\n' in metrics


def test_addresses_are_told_to_who_is_logged_in(client: FlaskClient, responder: CountersPage) -> None:
    for path in ("/clients", "/api/v1/clients", "/api/v1/clients.csv"):
        assert "192.0.2.77" not in client.get(path).text
    assert client.get("/api/v1/clients").status_code == 401
    log_in(client)
    assert "192.0.2.77" in client.get("/clients").text
    [row] = client.get("/api/v1/clients").get_json()
    assert (row["address"], row["requests"], row["dropped"], row["version"]) == ("192.0.2.77", 1003, 3, 4)
    [read] = csv.DictReader(io.StringIO(client.get("/api/v1/clients.csv").text))
    assert read["address"] == "192.0.2.77" and read["interval_s"] == "64.0"


def test_without_a_responder_the_page_says_that_nobody_is_answered(client: FlaskClient) -> None:
    assert "nobody is answered" in client.get("/clients").text
    assert client.get("/api/v1/traffic").get_json() is None
    assert "stratum1_ntp" not in client.get("/metrics").text


def test_numbers_of_a_silent_responder_are_called_old(
    client: FlaskClient, responder: CountersPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.monotonic_ns() + 60 * 10**9
    monkeypatch.setattr("stratum1.ntp.counters.time.monotonic_ns", lambda: later)
    assert "these numbers are old" in client.get("/clients").text


def test_every_reason_has_words() -> None:
    assert EXPLAINED.keys() == set(Verdict)


def test_one_client_has_a_page_of_its_own_for_who_is_logged_in(
    client: FlaskClient, responder: CountersPage, paths: Paths
) -> None:
    assert client.get("/clients/192.0.2.77").status_code == 302
    log_in(client)
    assert 'href="/clients/192.0.2.77"' in client.get("/clients").text
    arp = paths.proc / "net" / "arp"
    arp.parent.mkdir(parents=True)
    arp.write_text(
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.7        0x1         0x2         dc:a6:32:00:00:07     *        eth0\n"
        "192.0.2.77       0x1         0x2         dc:a6:32:12:34:56     *        eth0\n"
    )
    page = client.get("/clients/192.0.2.77").text
    for text in ("1003", "3 (0%)", "64.0 s", "dc:a6:32:12:34:56", "it asks as it should"):
        assert text in page
    gone = client.get("/clients/192.0.2.78")
    assert gone.status_code == 404 and "has not asked" in gone.text
    assert "<script>alert" not in client.get("/clients/<script>alert(1)").text


WELL = Client("192.0.2.1", 100, 0, 7000.0, 30.0, 64.0, 4, 3, False, False)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (replace(WELL, dropped=100), ["Nothing that it sent was answered"]),
        (replace(WELL, dropped=20), ["More than a tenth"]),
        (replace(WELL, interval_s=0.05, dropped=20), ["more often than 600 times a minute", "64 s is plenty"]),
        (replace(WELL, mode=1), ["as a peer"]),
        (replace(WELL, version=1), ["version 1"]),
        (replace(WELL, version=2, mode=6), []),
        (replace(WELL, last_s=6000.0), ["fallen silent"]),
        (WELL, []),
    ],
)
def test_what_stands_out_is_said_with_what_to_do(client: Client, words: list[str]) -> None:
    found = hints(client, Settings().ntp)
    assert len(found) == len(words) and all(part in line for part, line in zip(words, found, strict=True))


def test_a_table_of_neighbours_that_is_odd_or_missing_tells_nothing(paths: Paths) -> None:
    assert hardware_address(paths.proc / "net" / "arp", "192.0.2.7") == ""
    table = paths.data / "arp"
    table.write_bytes(b"header\n192.0.2.7\n192.0.2.7 0x1 0x0 00:00:00:00:00:00 * eth0\n\xff\xff\n")
    assert hardware_address(table, "192.0.2.7") == ""
