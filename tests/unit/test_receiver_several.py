# SPDX-License-Identifier: MIT
"""Of several receivers one is listened to, and another takes over in seconds when it falls silent or loses its fix."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from receiver_line import DEADLINE_S, GPSD, free_port, needs_gpsd
from running_hat import RunningHat

from stratum1.receiver import memory
from stratum1.receiver.events import Device, Epoch, Event, Gone
from stratum1.receiver.gpsd import GpsdStream
from stratum1.receiver.several import SILENT_NS, STEADY_NS, Receivers
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Reason

NOON = parse_iso_utc("2026-12-01T12:00:00Z")
FIRST, SECOND = "/dev/ttyAMA0", "/dev/ttyACM0"


class Stream:
    """Stands for a GpsdStream: epochs once a second, as the test wants them."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.mode = 3
        self.silent = False
        self.valid: bool | None = True
        self.closed = False
        self.wants_write = False
        self._greeted = False

    def receive(self, now_ns: int) -> list[Event]:
        if self.silent:
            return []
        told: list[Event] = [] if self._greeted else [Device(self.device, self.device)]
        self._greeted = True
        second = now_ns // NS_PER_S * NS_PER_S
        return [*told, Epoch(second, now_ns, self.mode, self.valid, device=self.device)]

    def fileno(self) -> int | None:
        return None if self.silent else 7

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self, *devices: str) -> None:
        self.devices = list(devices)
        self.streams: dict[str, Stream] = {}
        self.now = NOON
        self.receivers = Receivers(self._make, lambda: self.devices)  # type: ignore[arg-type]

    def _make(self, device: str) -> Stream:
        self.streams[device] = Stream(device)
        return self.streams[device]

    def run(self, seconds: int) -> list[Event]:
        told: list[Event] = []
        for _ in range(seconds):
            self.now += NS_PER_S
            told += self.receivers.receive(self.now)
        return told


def spoke(events: list[Event]) -> list[str]:
    return [event.device for event in events if isinstance(event, Epoch)]


def test_one_receiver_is_heard_whatever_gpsd_calls_it() -> None:
    bench = Bench(FIRST)
    assert spoke(bench.run(10)) == [""] * 10
    assert list(bench.streams) == [""]


def test_of_two_the_best_is_listened_to_and_the_other_only_watched() -> None:
    bench = Bench(FIRST, SECOND)
    assert spoke(bench.run(20)) == [FIRST] * 20
    assert bench.receivers.readers() == [7, 7]
    assert bench.receivers.writers() == []


@pytest.mark.parametrize("trouble", [{"silent": True}, {"mode": 1}, {"valid": False}])
def test_the_other_takes_over_within_seconds_and_says_who_it_is(trouble: dict[str, object]) -> None:
    bench = Bench(FIRST, SECOND)
    bench.run(10)
    for name, value in trouble.items():
        setattr(bench.streams[FIRST], name, value)
    told = bench.run(10)
    assert spoke(told)[-6:] == [SECOND] * 6
    assert told.index(Device(SECOND, SECOND)) < next(i for i, device in enumerate(spoke(told)) if device == SECOND) + 5
    # No second is told twice.
    seconds = [event.utc_ns for event in told if isinstance(event, Epoch) and event.fix_mode == 3 and event.utc_valid]
    assert len(set(seconds)) == len(seconds)
    assert (seconds[0] - NOON) // NS_PER_S <= 10 + SILENT_NS // NS_PER_S + 1


def test_who_took_over_stays_until_the_better_one_is_steady_again_or_it_fails_itself() -> None:
    bench = Bench(FIRST, SECOND)
    bench.run(10)
    bench.streams[FIRST].silent = True
    bench.run(10)
    bench.streams[FIRST].silent = False
    steady_s = STEADY_NS // NS_PER_S
    assert set(spoke(bench.run(steady_s - 1))) == {SECOND}
    assert set(spoke(bench.run(20))[-15:]) == {FIRST}
    bench.streams[FIRST].mode = 1
    assert spoke(bench.run(20))[-10:] == [SECOND] * 10
    bench.streams[FIRST].mode, bench.streams[SECOND].mode = 3, 1
    assert spoke(bench.run(20))[-10:] == [FIRST] * 10


def test_when_none_has_a_fix_nobody_takes_over() -> None:
    bench = Bench(FIRST, SECOND)
    bench.run(10)
    bench.streams[FIRST].mode = bench.streams[SECOND].mode = 1
    assert set(spoke(bench.run(30))) == {FIRST}


def test_another_set_of_receivers_is_listened_to_anew() -> None:
    bench = Bench(FIRST, SECOND)
    bench.run(10)
    before = list(bench.streams.values())
    bench.devices = [SECOND]
    assert spoke(bench.run(10))[-1] == ""
    assert all(stream.closed for stream in before)


@needs_gpsd
def test_two_hats_behind_one_gpsd(tmp_path: Path) -> None:
    """The real gpsd, a u-blox on the first line and a MediaTek on the second; the first is pulled."""
    hats = []
    for name, dialect, search in (("a", "ublox10", "0.5"), ("b", "mtk", "15")):
        (tmp_path / name).mkdir()
        hats.append(RunningHat(tmp_path / name, "--dialect", dialect, "--search", search))
    port, answer = free_port(), tmp_path / "answer"
    lines = [str(hat.paths.hat_serial.resolve()) for hat in hats]
    assert GPSD is not None
    ours = [sys.executable, "-m", "stratum1", "receiver", "--answer", str(answer), *lines]
    process = subprocess.Popen([*ours, "--", GPSD, "-n", "-N", "-S", str(port)], stderr=subprocess.DEVNULL)
    receivers = Receivers(
        lambda device: GpsdStream(port=port, device=device),
        lambda: [found.device for found in memory.load(answer).found],
    )
    told: list[Event] = []

    def listen(until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not until():
            assert time.monotonic() < deadline, told[-5:]
            told.extend(receivers.receive(time.time_ns()))
            time.sleep(0.02)

    try:
        listen(lambda: spoke(told)[-5:] == [lines[0]] * 5)
        names = [event.name for event in told if isinstance(event, Device) and event.path == lines[0]]
        assert names[-1] == "u-blox M10"
        assert {found.device for found in memory.load(answer).found} == set(lines)
        pulled = len(told)
        hats[0].order("--mute")
        listen(lambda: spoke(told)[-5:] == [lines[1]] * 5)
        after = told[pulled:]
        assert "MediaTek" in next(event.name for event in after if isinstance(event, Device))
        epochs = [event for event in after if isinstance(event, Epoch)]
        assert all(abs(event.arrival_ns - event.utc_ns) < NS_PER_S for event in epochs)
        assert [event.reason for event in after if isinstance(event, Gone)] in ([], [Reason.NO_MESSAGES])
    finally:
        receivers.close()
        process.terminate()
        process.wait()
        for hat in hats:
            hat.end()
