# SPDX-License-Identifier: MIT
"""A leap second and the end of an era as a client meets them on the wire, and a reload under load."""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from process import Process, poll
from responding import utc
from wire import NS, Packet, stamp

from stratum1.ntp.counters import CountersReader
from stratum1.tracking import Leap

ERA_1 = utc(2036, 2, 7, 6, 28, 16)
NEAR = NS // 4
"""What a busy machine may take between a test's reading of the clock and the request's arrival."""
PATIENCE_S = 30.0


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, workers=1, rate_per_minute=0)
    yield process
    process.end()


def apart(later: int, earlier: int) -> int:
    """NTP stamps' difference in ns, by arithmetic modulo 2**64 as a client does it."""
    return (((later - earlier + 2**63) % 2**64) - 2**63) * NS // 2**32


def ask_across(process: Process, seconds: float, last_ns: int = 0) -> list[tuple[int, Packet]]:
    """Answers, one after the other, each with this machine's clock when it was asked.

    It asks for so many seconds, and on until one was asked after `last_ns`: a busy machine may have slept meanwhile.
    """
    got: list[tuple[int, Packet]] = []
    end, deadline = time.monotonic() + seconds, time.monotonic() + PATIENCE_S
    with process.client() as client:
        while time.monotonic() < end or not got or got[-1][0] <= last_ns:
            assert time.monotonic() < deadline, "no quick answer after the turn"
            asked = time.time_ns()
            client.send(Packet(transmit=len(got) + 1).pack())
            answer = Packet.parse(client.recv(100))
            assert answer.origin == len(got) + 1
            if time.time_ns() - asked < NEAR:
                got.append((asked, answer))
    return got


@pytest.mark.parametrize(("leap", "step"), [(Leap.INSERT, -NS), (Leap.DELETE, NS)])
def test_a_leap_second_passes_while_clients_ask(process: Process, leap: Leap, step: int) -> None:
    turn = time.time_ns() + 2 * NS
    # The second that is deleted is the last before the leap, and is not begun.
    process.publish(leap=leap, leap_at_ns=turn + (NS if leap is Leap.DELETE else 0))
    answers = ask_across(process, 4, last_ns=turn + NS + NEAR)
    before = [(asked, got) for asked, got in answers if asked < turn - NEAR]
    after = [(asked, got) for asked, got in answers if asked > turn + NEAR]
    assert before and after
    assert all(0 <= apart(got.receive, stamp(asked)) < NEAR for asked, got in before)
    assert all(0 <= apart(got.receive, stamp(asked + step)) < NEAR for asked, got in after)
    assert {got.leap for _, got in before} == {int(leap)}
    # The second that is inserted is still one of the day that the leap ends.
    assert {got.leap for asked, got in after if asked > turn + NS + NEAR} == {0}
    assert all(apart(got.transmit, got.receive) >= 0 for _, got in answers)


def test_the_era_ends_while_clients_ask(process: Process) -> None:
    process.publish(correction_ns=ERA_1 - NS - time.time_ns())
    answers = [got for _, got in ask_across(process, 2)]
    assert answers[0].receive >> 32 == 2**32 - 1
    assert answers[-1].receive >> 32 in (0, 1)
    steps = [apart(later.receive, earlier.receive) for earlier, later in pairwise(answers)]
    assert all(0 < one < NS for one in steps)
    assert all(0 <= apart(got.transmit, got.receive) < NS for got in answers)
    assert all(apart(got.receive, got.reference) >= 0 for got in answers)
    assert len({got.reference for got in answers}) == 1, "a reference of the era before is no reason to invent another"
    assert {(got.leap, got.stratum) for got in answers} == {(0, 1)}


def test_reload_under_load_loses_nothing(process: Process) -> None:
    """Requests that overlap with reloads, many of them unanswered at any time: each is answered once."""
    most, reloads = 12000, 8
    page = CountersReader(process.run / "responder")
    asked = 0
    seen: set[int] = set()
    again = 0
    with process.client() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        deadline = time.monotonic() + 60
        while len(seen) < most:
            if asked < most and asked - len(seen) < 64:
                if asked % (most // reloads) == most // reloads // 2:
                    process.configure(rate_burst=64 + asked % 1000)
                    process.process.send_signal(signal.SIGHUP)
                asked += 1
                client.send(Packet(transmit=asked).pack())
            while select.select([client], [], [], 0 if asked < most and asked - len(seen) < 64 else 1)[0]:
                origin = Packet.parse(client.recv(100)).origin
                again += origin in seen
                seen.add(origin)
            assert time.monotonic() < deadline, f"{asked - len(seen)} of {asked} requests were never answered"
    assert again == 0
    counters = poll(lambda: (said := page.read()) and said.served == most and said)
    assert counters.dropped == {} and counters.total("overflowed") == 0
