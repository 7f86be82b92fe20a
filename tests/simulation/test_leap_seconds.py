# SPDX-License-Identifier: MIT
"""Leap seconds: an announced one raises the bound, and one that nobody announced ends the claim at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from simulated_clock import Bench

from stratum1.tracking.snapshot import Leap, Reason, State

POSSIBLE = [datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 7, 1, tzinfo=UTC), datetime(2100, 7, 1, tzinfo=UTC)]
IMPOSSIBLE = [
    datetime(2026, 12, 31, tzinfo=UTC),
    datetime(2027, 1, 1, 1, tzinfo=UTC),
    datetime(2027, 2, 1, tzinfo=UTC),
    datetime(2028, 7, 2, tzinfo=UTC),
]


def before(instant: datetime, seconds: int = 100) -> Bench:
    """Locked, `seconds` before an instant of UTC (the simulated second 0 is 100 s before it)."""
    bench = Bench(error_ns=0)
    bench.clock.epoch_ns = (int(instant.timestamp()) - 100) * 10**9
    bench.discipline.begin(bench.clock.kernel_ns, bench.clock.monotonic_ns)
    bench.run(100 - seconds)
    return bench


def leap(bench: Bench, seconds: int) -> None:
    """UTC, which the truth and the receiver count, takes a leap; no clock of ours does."""
    bench.clock.epoch_ns -= seconds * 10**9
    bench.clock.error += seconds * 10**13


@pytest.mark.parametrize("instant", POSSIBLE)
@pytest.mark.parametrize("seconds", [1, -1])
def test_a_leap_that_nobody_announced_ends_the_claim_with_the_first_message(instant: datetime, seconds: int) -> None:
    bench = before(instant)
    bench.run(100 if seconds > 0 else 99)
    assert bench.estimate.state is State.LOCKED
    leap(bench, seconds)
    estimate = bench.run(2)
    assert (estimate.state, estimate.reason) == (State.UNSYNCHRONISED, Reason.LABELS_DISAGREE)
    assert (estimate.leap, estimate.stratum) == (Leap.UNKNOWN, 0)
    # The receiver may be wrong just as well: only long agreement makes its second ours.
    assert bench.run(500).state is State.UNSYNCHRONISED
    assert bench.run(200).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000


def test_a_leap_behind_a_silence_of_the_receiver_ends_the_claim() -> None:
    bench = before(POSSIBLE[0], 20)
    bench.run(20, message=False)
    leap(bench, 1)
    assert bench.run(60, message=False).state is State.HOLDOVER
    assert bench.run(4).state is State.UNSYNCHRONISED


@pytest.mark.parametrize("instant", IMPOSSIBLE)
@pytest.mark.parametrize("seconds", [1, -1])
def test_a_receiver_that_is_a_second_wrong_at_any_other_time_is_not_believed(instant: datetime, seconds: int) -> None:
    bench = before(instant)
    bench.run(100)
    estimate = bench.run(60, named_late_s=seconds)
    assert (estimate.state, estimate.reason) == (State.HOLDOVER, Reason.LABELS_DISAGREE)
    assert bench.run(20).state is State.LOCKED
    assert bench.record.violations() == 0


def test_two_seconds_are_no_leap_even_where_one_is_possible() -> None:
    bench = before(POSSIBLE[0])
    bench.run(100)
    assert bench.run(60, named_late_s=-2).state is State.HOLDOVER
    assert bench.record.violations() == 0


def test_the_bound_is_raised_across_an_announced_leap_and_only_there() -> None:
    bench = before(POSSIBLE[0])
    bench.run(50)
    bench.discipline.leap(Leap.INSERT, bench.clock.epoch_ns + 100 * 10**9, False)
    usual = bench.run(40).bound_ns
    assert usual < 100_000
    assert bench.run(9).bound_ns > usual + 900_000
    bench.run(1)
    leap(bench, 1)
    estimate = bench.run(3)
    assert (estimate.state, estimate.leap) == (State.LOCKED, Leap.NONE)
    assert estimate.bound_ns > 900_000
    assert bench.run(30).bound_ns < 2 * usual


def test_a_leap_told_again_while_its_second_is_repeated_is_not_taken_twice() -> None:
    bench = before(POSSIBLE[0])
    bench.run(50)
    at = bench.clock.epoch_ns + 100 * 10**9
    bench.discipline.leap(Leap.INSERT, at, False)
    bench.run(50)
    leap(bench, 1)
    bench.run(1)
    bench.discipline.leap(Leap.INSERT, at, False)
    assert bench.run(30).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000


def test_an_announced_leap_that_the_receiver_does_not_take_ends_the_claim() -> None:
    bench = before(POSSIBLE[0])
    bench.run(50)
    bench.discipline.leap(Leap.INSERT, bench.clock.epoch_ns + 100 * 10**9, False)
    bench.run(50)
    estimate = bench.run(6)
    assert (estimate.state, estimate.reason) == (State.UNSYNCHRONISED, Reason.LABELS_DISAGREE)
