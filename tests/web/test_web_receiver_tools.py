# SPDX-License-Identifier: MIT
"""The tools of the sources page: the delay of a cable, the raw messages, and the servers compared with."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from stratum1 import upstream
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.upstream import Server, Tally, Upstream, Verdict
from stratum1.web import overheard
from stratum1.web import password as rules
from stratum1.web.app import create_app
from stratum1.web.cable import CABLES, delay_ns
from stratum1.web.peers import rows


@pytest.fixture
def client(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)
    with create_app(paths).test_client() as found:
        yield found


def token(page: str) -> str:
    match = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page)
    assert match
    return match[1]


def log_in(client: FlaskClient) -> None:
    form = {"password": "green teapot rides", "again": "green teapot rides", "name": "clock", "zone": "UTC"}
    assert client.post("/welcome", data={**form, "csrf_token": token(client.get("/welcome").text)}).status_code == 302


RG_58 = CABLES[0].name


@pytest.mark.parametrize(("key", "metres", "ns"), [("RG-58", 10, 51), ("RG-6,", 30, 121), ("LMR-400", 20, 78)])
def test_a_cable_is_as_slow_as_its_makers_say(key: str, metres: float, ns: int) -> None:
    name = next(cable.name for cable in CABLES if key in cable.name)
    assert delay_ns(name, metres, 0) == ns
    assert delay_ns(name, metres, 40) == ns + 40


@given(st.sampled_from([cable.name for cable in CABLES]), st.floats(0, 500), st.integers(-100_000, 100_000))
def test_whatever_the_form_lets_in_the_settings_take(cable: str, metres: float, other: int) -> None:
    found = delay_ns(cable, metres, other)
    assert -1_000_000 <= found <= 1_000_000


def test_the_form_stores_the_sum_and_says_what_it_is_made_of(client: FlaskClient, paths: Paths) -> None:
    assert "Log in" in client.get("/sources").text and "/sources/delay" not in client.get("/sources").text
    assert client.post("/sources/delay").status_code == 302
    assert not paths.settings.exists()
    log_in(client)
    page = client.get("/sources").text
    form = {"csrf_token": token(page), "cable": RG_58, "length_m": "12.5", "other_ns": "30"}
    assert client.post("/sources/delay", data=form).status_code == 302
    assert load(paths.settings).settings.pulse.delay_ns == 93
    page = client.get("/sources").text
    assert "12.5 m of RG-174, RG-58, RG-213 and 30 ns of other delay make 93 ns." in page
    assert "Now 93 ns are taken off" in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("length_m", "-1"),
        ("length_m", "501"),
        ("length_m", "x"),
        ("length_m", ""),
        ("length_m", "NaN"),
        ("other_ns", "1.5"),
        ("other_ns", "1000000"),
        ("cable", "string"),
        ("csrf_token", "forged"),
    ],
)
def test_what_is_no_length_is_refused_beside_its_field(
    client: FlaskClient, paths: Paths, field: str, value: str
) -> None:
    log_in(client)
    good = {"csrf_token": token(client.get("/sources").text), "cable": RG_58, "length_m": "10", "other_ns": "0"}
    answer = client.post("/sources/delay", data={**good, field: value})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text or "open for too long" in answer.text
    assert load(paths.settings).settings.pulse.delay_ns == 0


class Gpsd(threading.Thread):
    """Says what it is told to whoever connects, and notes what it was asked."""

    def __init__(self, says: bytes) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.asked: list[bytes] = []
        self.says = says
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.asked.append(connection.recv(1024))
                    connection.sendall(self.says)


def test_raw_messages_are_shown_to_who_is_logged_in_cut_to_a_bound_and_harmless(
    client: FlaskClient, paths: Paths
) -> None:
    lines = [f"$GPTXT,{i:03d}*00" for i in range(200)] + ["<b>\x1b[31m" + "x" * 5000]
    gpsd = Gpsd("\r\n".join(lines).encode() + b"\r\n$GPRMC,half")
    with closing(gpsd.listener):
        assert client.get("/sources/raw").status_code == 302
        assert gpsd.asked == []
        log_in(client)
        box = client.application.extensions["box"]
        box.settings = box.settings.changed("receiver.gpsd_port", gpsd.port)
        page = client.get("/sources/raw").text
        assert b'"raw":1' in gpsd.asked[0]
    assert "$GPTXT,199*00" in page and "$GPTXT,100*00" not in page
    assert "&lt;b&gt;.[31mxxx" in page and "… " in page and "x" * (overheard.LONGEST_LINE + 1) not in page
    assert "half" not in page, "a line that is still coming is no line"


def test_many_who_look_ask_gpsd_once(paths: Paths) -> None:
    gpsd = Gpsd(b"$GPTXT*00\n")
    with closing(gpsd.listener):
        shared = overheard.Overheard()
        assert shared.lines(gpsd.port) == shared.lines(gpsd.port) == ["$GPTXT*00"]
        assert len(gpsd.asked) == 1


def test_no_gpsd_is_a_line_and_no_error() -> None:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))  # and never listens
        port = bound.getsockname()[1]
        assert overheard.Overheard().lines(port) == [f"gpsd on port {port}: Connection refused"]


PEERS = Upstream(
    verdict=Verdict.AGREES,
    offset_ns=-120_000,
    error_ns=900_000,
    majority=2,
    monotonic_ns=500 * 10**9,
    servers=(
        Server(
            "ntp.example",
            "192.0.2.1",
            Tally.CANDIDATE,
            "",
            1,
            "GPS",
            0,
            0o377,
            64,
            480 * 10**9,
            -120_000,
            1_234_567,
            45_000,
        ),
        Server(
            "bad.example",
            "192.0.2.2",
            Tally.FALSETICKER,
            "",
            2,
            "192.0.2.9",
            0,
            0o17,
            64,
            499 * 10**9,
            10**9,
            2_000_000,
            90_000,
        ),
        Server("none.example", problem="no such host"),
    ),
)


def test_the_servers_stand_as_ntpq_has_them() -> None:
    good, bad, none = rows(PEERS, 500 * 10**9)
    assert (good.tally, good.remote, good.refid, good.stratum) == ("+", "ntp.example (192.0.2.1)", "GPS", "1")
    assert (good.when, good.poll, good.reach) == ("20", "64", "377")
    assert (good.delay, good.offset, good.jitter) == ("1.235", "-0.120", "0.045")
    assert (bad.tally, bad.reach, bad.offset) == ("x", "17", "1000.000")
    assert (none.tally, none.stratum, none.when, none.delay, none.problem) == ("", "16", "-", "", "no such host")
    assert rows(None) == []


def test_the_page_shows_them_with_the_verdict_and_what_the_codes_mean(client: FlaskClient, paths: Paths) -> None:
    assert "With nobody" in client.get("/sources").text
    box = client.application.extensions["box"]
    box.settings = box.settings.changed("upstream.servers", ["ntp.example"])
    assert "does not run" in client.get("/sources").text
    assert client.get("/api/v1/upstream").get_json() is None
    fresh = Upstream(PEERS.verdict, PEERS.servers, PEERS.offset_ns, PEERS.error_ns, 0, 2, 0, time.monotonic_ns())
    upstream.write(paths, fresh)
    page = client.get("/sources").text
    for text in (
        "ntp.example (192.0.2.1)",
        "2 of 3 upstream servers agree",
        "contradicts the majority",
        "no such host",
    ):
        assert text in page
    assert len(client.get("/api/v1/upstream").get_json()["servers"]) == 3
