# SPDX-License-Identifier: MIT
"""The clock room: reading, waiting and keeping its hands off."""

from __future__ import annotations

import os
import signal
import time

import pytest

from stratum1 import clock


def test_a_reading_is_of_one_instant_of_both_clocks() -> None:
    before = (time.clock_gettime_ns(time.CLOCK_REALTIME), time.monotonic_ns())
    kernel, monotonic = clock.read()
    after = (time.clock_gettime_ns(time.CLOCK_REALTIME), time.monotonic_ns())
    assert before[0] <= kernel <= after[0]
    assert before[1] <= monotonic <= after[1]


def test_a_wait_is_never_shorter_than_asked() -> None:
    start = time.monotonic_ns()
    clock.wait([], [], 1_500_001)
    assert time.monotonic_ns() - start >= 1_500_001


def test_a_ready_descriptor_ends_a_wait() -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"x")
        start = time.monotonic_ns()
        clock.wait([reader], [], 60_000_000_000)
        clock.wait([], [writer], 60_000_000_000)
        assert time.monotonic_ns() - start < 60_000_000_000
    finally:
        os.close(reader)
        os.close(writer)


def test_a_signal_ends_a_wait() -> None:
    heard: list[int] = []
    old = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        start = time.monotonic_ns()
        clock.wait([], [], 60_000_000_000)
        assert time.monotonic_ns() - start < 60_000_000_000
        assert heard == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, old)


def test_more_descriptors_than_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        clock.wait(list(range(100)), [], 0)


def test_precision_is_one_that_a_machine_can_have() -> None:
    assert -30 <= clock.precision() <= -10


def test_the_free_clock_is_never_touched() -> None:
    free = clock.FreeClock()
    assert not free.steers
    assert free.adjust(1e-5) == 0.0
    assert free.frequency() == 0.0
    with pytest.raises(clock.ClockError, match="left alone"):
        free.step(1)
