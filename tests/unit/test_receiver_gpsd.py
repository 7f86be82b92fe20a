# SPDX-License-Identifier: MIT
"""The stream's client: gpsd missing, slow, flooding, mad or dying is a state with a reason, never a hang or a raise."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from receiver_line import Line, events_until, free_port, gpsd, needs_gpsd

from stratum1.receiver.events import Device, Epoch, Event, Gone
from stratum1.receiver.gpsd import GpsdStream
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Reason

RECORDINGS = Path(__file__).parent.parent / "recordings"
NOON = parse_iso_utc("2026-12-01T12:00:00Z")
DEVICES = (
    b'{"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/gps0","driver":"NMEA0183","activated":"x"}]}\r\n'
)
TPV = b'{"class":"TPV","device":"/dev/gps0","mode":3,"time":"2026-12-01T12:00:00.000Z"}\r\n'


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def connected(listener: socket.socket) -> tuple[GpsdStream, socket.socket]:
    stream = GpsdStream(port=port_of(listener))
    stream.receive(NOON)
    server = listener.accept()[0]
    server.settimeout(10)
    settle(stream, NOON)
    return stream, server


def settle(stream: GpsdStream, now_ns: int) -> list[Event]:
    """What comes of all that is under way."""
    told: list[Event] = []
    fd = stream.fileno()
    while fd is not None and select.select([fd], [], [], 0.2)[0]:
        told += stream.receive(now_ns)
        fd = stream.fileno()
    return told + stream.receive(now_ns)


def reasons(events: list[Event]) -> list[Reason]:
    return [event.reason for event in events if isinstance(event, Gone)]


def test_it_asks_for_what_labels_need(listener: socket.socket) -> None:
    _, server = connected(listener)
    request = server.recv(4096)
    for word in (b"?WATCH=", b'"json":true', b'"pps":true', b'"timing":true'):
        assert word in request


def test_no_gpsd_is_told_once_and_tried_again_until_it_is_there() -> None:
    port = free_port()
    stream = GpsdStream(port=port)
    now = NOON
    assert reasons(stream.receive(now)) == [Reason.NO_GPSD]
    for _ in range(50):
        now += NS_PER_S
        assert stream.receive(now) == []
        assert stream.fileno() is None
    with socket.create_server(("127.0.0.1", port)) as listener:
        stream.receive(now + 5 * NS_PER_S)
        listener.settimeout(10)
        listener.accept()[0].close()


def test_a_clock_that_is_set_back_does_not_put_the_next_attempt_off() -> None:
    port = free_port()
    stream = GpsdStream(port=port)
    stream.receive(NOON)
    with socket.create_server(("127.0.0.1", port)) as listener:
        stream.receive(NOON - 86_400 * NS_PER_S)
        listener.settimeout(10)
        listener.accept()[0].close()


def test_reports_come_out_as_events_however_they_are_cut(listener: socket.socket) -> None:
    stream, server = connected(listener)
    told: list[Event] = []
    for byte in DEVICES + TPV:
        server.sendall(bytes([byte]))
        told += stream.receive(NOON)
    told += settle(stream, NOON)
    assert [type(event) for event in told] == [Device, Epoch]


def test_a_gpsd_that_goes_is_told_and_found_again(listener: socket.socket) -> None:
    stream, server = connected(listener)
    server.sendall(DEVICES + TPV)
    settle(stream, NOON)
    server.close()
    assert reasons(settle(stream, NOON)) == [Reason.NO_GPSD]
    assert stream.fileno() is None
    stream.receive(NOON + NS_PER_S)
    server = listener.accept()[0]
    server.sendall(DEVICES + TPV)
    assert [type(event) for event in settle(stream, NOON + NS_PER_S)] == [Device, Epoch]


def test_a_silent_receiver_is_told_once(listener: socket.socket) -> None:
    stream, server = connected(listener)
    server.sendall(DEVICES + TPV)
    settle(stream, NOON)
    assert stream.receive(NOON + 3 * NS_PER_S) == []
    assert reasons(stream.receive(NOON + 5 * NS_PER_S)) == [Reason.NO_MESSAGES]
    assert stream.receive(NOON + 9 * NS_PER_S) == []


def test_a_device_that_gpsd_gave_up_is_asked_for_and_told(listener: socket.socket) -> None:
    stream, server = connected(listener)
    server.sendall(DEVICES + TPV)
    settle(stream, NOON)
    server.recv(4096)
    assert stream.receive(NOON + 3 * NS_PER_S) == []
    assert server.recv(4096) == b"?DEVICES;\n"
    server.sendall(b'{"class":"DEVICES","devices":[]}\n')
    assert reasons(settle(stream, NOON + 3 * NS_PER_S)) == [Reason.NO_RECEIVER]
    assert stream.receive(NOON + 60 * NS_PER_S) == []


def test_without_a_receiver_silence_is_no_news(listener: socket.socket) -> None:
    stream, server = connected(listener)
    server.sendall(b'{"class":"DEVICES","devices":[]}\n')
    assert reasons(settle(stream, NOON)) == [Reason.NO_RECEIVER]
    assert stream.receive(NOON + 60 * NS_PER_S) == []


def test_a_line_without_end_is_skipped_and_held_in_bounds(listener: socket.socket) -> None:
    stream, server = connected(listener)
    for _ in range(64):
        server.sendall(b"x" * 16_384)
        stream.receive(NOON)
        assert len(stream._buffer) <= 65_536
    server.sendall(b"\n" + TPV)
    told = settle(stream, NOON)
    assert [type(event) for event in told if not isinstance(event, Gone)] == [Epoch]


def test_one_call_reads_a_bounded_part_of_a_flood(listener: socket.socket) -> None:
    stream, server = connected(listener)
    server.setblocking(False)
    sent = 0
    try:
        while True:
            sent += server.send(TPV * 500)
    except BlockingIOError:
        pass
    assert sent > 200_000
    before = stream._interpreter.heard
    stream.receive(NOON)
    assert 0 < (stream._interpreter.heard - before) * len(TPV) <= 100_000


@given(
    st.lists(st.binary(max_size=300) | st.sampled_from([DEVICES, TPV, b"\n", b"{", b'{"class":"TPV"}\n']), max_size=12)
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_byte_stream_makes_it_raise_or_grow(pieces: list[bytes]) -> None:
    stream = GpsdStream()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        # Put behind a connection that is made: what is tried here is what comes over it.
        stream._socket, stream._connected = theirs, True
        for piece in pieces:
            ours.sendall(piece)
            stream.receive(NOON)
            assert len(stream._buffer) <= 65_536
        stream._socket = None


def test_an_unused_stream_costs_nothing(listener: socket.socket) -> None:
    stream, server = connected(listener)
    assert not stream.wants_write
    server.sendall(TPV)
    assert events_until(stream, lambda told: any(isinstance(event, Epoch) for event in told))
    stream.close()
    assert stream.fileno() is None


@needs_gpsd
def test_a_u_blox_is_asked_for_leap_seconds_to_come_through_gpsd() -> None:
    line = Line()
    question = bytes.fromhex("b562012600002776")  # NAV-TIMELS without a payload
    data = (RECORDINGS / "ublox-8-time.log").read_bytes()
    data = data[data.index(b"\xb5b") :]
    enough = threading.Event()

    def talk() -> None:
        while not enough.is_set():
            for at in range(0, len(data), 1500):
                line.send(data[at : at + 1500])
                if enough.wait(0.1):
                    return

    talker = threading.Thread(target=talk, daemon=True)
    try:
        with gpsd(line.name) as port:
            stream = GpsdStream(port=port)
            talker.start()
            try:
                events_until(stream, lambda told: question in line.heard)
            finally:
                enough.set()
                talker.join()
                stream.close()
    finally:
        line.close()


def test_it_is_asked_anew_at_each_connection_and_not_for_ever(listener: socket.socket) -> None:
    known = b'{"class":"DEVICE","path":"/dev/gps0","driver":"u-blox","activated":"x"}\r\n'
    told = b"b56201261800" + bytes(10).hex().encode() + b"0200" + bytes(11).hex().encode() + b"03" + b"0000\n"
    stream, server = connected(listener)
    for asks in (1, 2):
        server.recv(4096)
        server.sendall(known)
        settle(stream, NOON)
        assert server.recv(4096).count(b'"hexdata":"b562012600002776"') == 1, asks
        server.close()
        settle(stream, NOON)
        stream.receive(NOON + 10 * NS_PER_S)
        server = listener.accept()[0]
        server.settimeout(10)
        settle(stream, NOON + 10 * NS_PER_S)
    server.recv(4096)
    server.sendall(known + told)
    settle(stream, NOON + 10 * NS_PER_S)
    settle(stream, NOON + 100 * NS_PER_S)
    assert b"hexdata" not in server.recv(4096)  # it asks what has become of a silent receiver
