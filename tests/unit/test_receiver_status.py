# SPDX-License-Identifier: MIT
"""The satellite view: whatever gpsd answers, or does not, a status comes back in bounded time."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver_line import free_port

from stratum1.receiver import status
from stratum1.receiver.status import Satellite, poll, verdict

DEVICE = {"class": "DEVICE", "path": "/dev/gps0", "driver": "u-blox", "bps": 38400, "activated": "2026-12-01T00:00:00Z"}
SATELLITES = [
    {"PRN": 3, "gnssid": 0, "el": 61.0, "az": 249.0, "ss": 46.0, "used": True},
    {"PRN": 66, "el": 10.0, "az": 20.0, "ss": 21.0, "used": False},
    {"PRN": 301, "gnssid": 2, "ss": 40.5, "used": True},
]


@contextmanager
def fake_gpsd(devices: list[Any], packet: dict[str, Any], silent_after: int = 99) -> Iterator[int]:
    """Answers gpsd's questions with these, and nothing any more after so many."""
    server = socket.create_server(("127.0.0.1", 0))
    answers = {
        "?WATCH": [{"class": "DEVICES", "devices": devices}, {"class": "WATCH"}],
        "?VERSION": [{"class": "TPV"}, {"class": "VERSION", "release": "3.25"}],
        "?DEVICES": [{"class": "DEVICES", "devices": devices}],
        "?POLL": [{"class": "POLL", **packet}],
    }

    def serve() -> None:
        client = server.accept()[0]
        with client, client.makefile("rw") as stream:
            print(json.dumps({"class": "VERSION", "release": "3.25"}), file=stream, flush=True)
            for number, line in enumerate(stream):
                for answer in answers[line.partition("=")[0].strip(";\n")] if number < silent_after else []:
                    print(json.dumps(answer), file=stream, flush=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.close()


def test_device_and_sky() -> None:
    packet = {"active": 1, "tpv": [{"mode": 3}], "sky": [{"satellites": SATELLITES}]}
    with fake_gpsd([DEVICE], packet) as port:
        told = poll(port)
    assert (told.problem, told.gpsd, told.path, told.baud, told.fix_mode) == ("", "3.25", "/dev/gps0", 38400, 3)
    assert told.name == "u-blox receiver"
    assert [(s.constellation, s.prn) for s in told.satellites] == [("GPS", 3), ("Galileo", 301), ("GLONASS", 66)]
    assert told.satellites[0] == Satellite(3, "GPS", 61.0, 249.0, 46.0, True)
    assert json.loads(json.dumps(told.as_dict()))["satellites"][1]["elevation_deg"] is None


def test_of_two_receivers_the_first_one_is_shown() -> None:
    other = {**DEVICE, "path": "/dev/ttyACM0", "driver": "MTK-3301"}
    packet = {
        "active": 2,
        "tpv": [{"device": "/dev/gps0", "mode": 3}, {"device": "/dev/ttyACM0", "mode": 1}],
        "sky": [
            {"device": "/dev/gps0", "satellites": SATELLITES},
            {"device": "/dev/ttyACM0", "satellites": SATELLITES[:1]},
        ],
    }
    with fake_gpsd([DEVICE, other], packet) as port:
        told = poll(port)
    assert (told.path, told.fix_mode, len(told.satellites)) == ("/dev/gps0", 3, 3)


def test_a_receiver_that_has_not_spoken_is_no_error() -> None:
    with fake_gpsd([DEVICE], {"active": 1, "tpv": [], "sky": []}) as port:
        told = poll(port)
    assert (told.problem, told.fix_mode, told.satellites) == ("", 0, ())


def test_no_device_is_a_problem_with_a_reason() -> None:
    with fake_gpsd([], {"active": 0, "tpv": [], "sky": []}) as port:
        assert poll(port).problem == "gpsd has no receiver"


def test_another_program_on_the_port_is_a_problem_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            with server.accept()[0] as client:
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                client.recv(100)

        threading.Thread(target=serve, daemon=True).start()
        assert poll(port).problem == f"what answers on port {port} is no gpsd"


def test_no_gpsd_is_a_problem_with_a_reason() -> None:
    assert "Connection refused" in poll(free_port()).problem


@pytest.mark.parametrize("answered", [0, 1, 2, 3])
def test_a_gpsd_that_hangs_does_not_hang_us(answered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "TIMEOUT_S", 0.2)
    with fake_gpsd([DEVICE], {}, silent_after=answered) as port:
        assert poll(port).problem == f"gpsd on port {port} does not answer"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["PRN", "gnssid", "el", "az", "ss", "used", "mode", "satellites", "path", "activated", "bps"])
rows = st.lists(st.dictionaries(keys, json_values))
packets = st.fixed_dictionaries({}, optional={"active": json_values, "tpv": json_values | rows, "sky": rows})


@given(json_values | rows, packets)
def test_no_answer_of_any_shape_makes_it_raise(devices: Any, packet: dict[str, Any]) -> None:
    told = status._status("3.25", devices, packet)
    json.dumps(told.as_dict())
    assert told.fix_mode in range(4)


def sky(*strengths: float) -> tuple[Satellite, ...]:
    return tuple(Satellite(prn, "GPS", 45.0, 0.0, cn0, cn0 > 0) for prn, cn0 in enumerate(strengths, 1))


def test_verdicts_say_how_good_it_is_and_what_would_help() -> None:
    assert verdict(3, sky(45, 44, 43, 40, 38, 30)) == "5 satellites above 37 dB-Hz: good"
    assert verdict(3, sky(45, 44, 43, 30)) == "3 satellites above 37 dB-Hz: fair, more sky would help"
    assert verdict(2, sky(38, 30)).startswith("1 satellite above 37 dB-Hz: weak")
    assert verdict(1, sky(20, 25)) == "2 satellites received, no fix yet: needs sky and some minutes"
    assert "antenna" in verdict(1, sky(0, 0))
