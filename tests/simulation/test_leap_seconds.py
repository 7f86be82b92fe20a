# SPDX-License-Identifier: MIT
"""Leap seconds: an announced one is taken, and where nobody knows whether there is one nothing is claimed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_clock import MESSAGE, Bench

from stratum1.discipline import Config
from stratum1.tracking.page import evaluate
from stratum1.tracking.snapshot import Leap, Reason, Snapshot, State

SECOND = 10**9
MS = 10**6
FOR_EVER = 1 << 62

POSSIBLE = [
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2028, 7, 1, tzinfo=UTC),
    datetime(2100, 7, 1, tzinfo=UTC),
]
QUARTERS = [
    *POSSIBLE,
    datetime(2027, 4, 1, tzinfo=UTC),
    datetime(2027, 10, 1, tzinfo=UTC),
]
IMPOSSIBLE = [
    datetime(2026, 12, 31, tzinfo=UTC),
    datetime(2027, 1, 1, 1, tzinfo=UTC),
    datetime(2027, 2, 1, tzinfo=UTC),
    datetime(2028, 7, 2, tzinfo=UTC),
]


def started(instant: datetime, ago: int, known_until_ns: int = 0, config: Config | None = None) -> Bench:
    """Switched on `ago` seconds before an instant of UTC."""
    bench = Bench(config, error_ns=0)
    bench.clock.epoch_ns = (int(instant.timestamp()) - ago) * SECOND
    bench.discipline.begin(bench.clock.kernel_ns, bench.clock.monotonic_ns)
    bench.discipline.leaps_known(known_until_ns)
    return bench


def before(instant: datetime, seconds: int = 100) -> Bench:
    """`seconds` before an instant of UTC (the simulated second 0 is 100 s before it), no leap being expected."""
    bench = started(instant, 100, FOR_EVER)
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
    assert (estimate.state, estimate.reason) == (
        State.UNSYNCHRONISED,
        Reason.LABELS_DISAGREE,
    )
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
    assert bench.run(30).bound_ns <= usual


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
    assert (estimate.state, estimate.reason) == (
        State.UNSYNCHRONISED,
        Reason.LABELS_DISAGREE,
    )


class Witness:
    """Follows a bench across an instant and asks, like any reader of its page, again and again."""

    def __init__(self, bench: Bench, instant: datetime, leap_s: int, ages: Iterable[int] = ()) -> None:
        self.bench = bench
        self.instant_ns = int(instant.timestamp()) * SECOND
        self.leap_s = leap_s
        self.begun_ns = bench.clock.true_ns - bench.clock.second * SECOND
        self.ages = sorted({*range(0, 3 * SECOND, SECOND // 10), *ages})
        """How old a page is when it is read (ns): that of a timekeeper that is held up, too."""
        self.served: list[bool] = []

    def truth(self, age_ns: int) -> int:
        """UTC as POSIX counts it, `age_ns` from now."""
        passed = self.begun_ns + self.bench.clock.second * SECOND + age_ns
        if self.leap_s > 0 and passed >= self.instant_ns:
            return passed - SECOND
        if self.leap_s < 0 and passed >= self.instant_ns - SECOND:
            return passed + SECOND
        return passed

    def ask(self) -> None:
        clock, estimate = self.bench.clock, self.bench.estimate
        values = {field.name: getattr(estimate, field.name) for field in dataclasses.fields(estimate)}
        page = Snapshot(**values, realtime_minus_monotonic_ns=clock.kernel_ns - clock.monotonic_ns)
        left = self.instant_ns - (self.begun_ns + clock.second * SECOND)
        edges = [left + off for off in (-SECOND - 1, -SECOND, -1, 0) if 0 <= left + off < 5 * SECOND]
        for age in (*self.ages, *edges):
            served, _, good = evaluate(page, clock.kernel_ns + age, clock.monotonic_ns + age)
            # At the leap itself an answer is as true as the truth a millisecond before or after.
            truths = (self.truth(age - MS), self.truth(age), self.truth(age + MS))
            assert not good or min(abs(served - truth) for truth in truths) < 2 * MS, (clock.second, age)
        self.served.append(evaluate(page, clock.kernel_ns, clock.monotonic_ns)[2])

    def run(
        self,
        seconds: int,
        *,
        pulse: bool = True,
        message: bool = True,
        burst_ticks: int = MESSAGE,
    ) -> None:
        for _ in range(seconds):
            if self.leap_s and self.truth(-1) + 1 != self.truth(0):
                leap(self.bench, self.leap_s)
            self.bench.run(1, pulse=pulse, message=message, burst_ticks=burst_ticks)
            self.ask()


@pytest.mark.parametrize("instant", QUARTERS)
@pytest.mark.parametrize("leap_s", [1, 0, -1])
def test_who_locked_shortly_before_a_leap_and_never_heard_of_it_serves_no_wrong_second(
    instant: datetime, leap_s: int
) -> None:
    bench = started(instant, 60)
    witness = Witness(bench, instant, leap_s)
    witness.run(58)
    assert witness.served[-30:] == [True] * 30
    witness.run(3)
    estimate = bench.estimate
    assert (estimate.state, estimate.reason) == (
        State.UNSYNCHRONISED,
        Reason.LEAP_UNKNOWN,
    )
    assert (estimate.leap, estimate.stratum) == (Leap.UNKNOWN, 0)
    # The messages that follow name the second, whichever it is.
    witness.run(9)
    assert bench.estimate.state is State.LOCKED
    witness.run(30)
    assert witness.served[-30:] == [True] * 30
    assert abs(bench.clock.error) < 10_000_000
    assert bench.estimate.steps == (2 if leap_s else 1)


@settings(max_examples=60, deadline=None)
@given(
    ago=st.integers(2, 60),
    leap_s=st.sampled_from([-1, 0, 1]),
    burst=st.integers(MESSAGE // 6, 2 * MESSAGE),
    silent=st.booleans(),
    ages=st.lists(st.integers(0, 30 * SECOND), max_size=20),
    limit_ns=st.sampled_from([10**6, 10**7, 5 * 10**8]),
)
def test_no_answer_is_wrong_whenever_the_box_locked_and_however_late_its_page_is_read(
    ago: int, leap_s: int, burst: int, silent: bool, ages: list[int], limit_ns: int
) -> None:
    bench = started(POSSIBLE[0], ago, config=Config(steers=True, bound_limit_ns=limit_ns))
    witness = Witness(bench, POSSIBLE[0], leap_s, ages)
    for second in range(ago + 40):
        witness.run(1, message=not (silent and abs(second - ago) < 5), burst_ticks=burst)
    assert bench.estimate.state is State.LOCKED


def test_a_box_that_knows_that_there_is_none_serves_on() -> None:
    bench = started(POSSIBLE[0], 60, int(POSSIBLE[0].timestamp()) * SECOND + 1)
    witness = Witness(bench, POSSIBLE[0], 0)
    witness.run(100)
    assert all(witness.served[20:])


def test_what_is_known_up_to_an_instant_says_nothing_of_it() -> None:
    bench = started(POSSIBLE[0], 60, int(POSSIBLE[0].timestamp()) * SECOND)
    bench.run(61)
    assert bench.estimate.reason is Reason.LEAP_UNKNOWN


def test_who_learns_of_the_leap_in_time_takes_it_without_a_pause() -> None:
    bench = started(POSSIBLE[0], 60)
    witness = Witness(bench, POSSIBLE[0], 1)
    witness.run(55)
    bench.discipline.leap(Leap.INSERT, witness.instant_ns, False)
    witness.run(45)
    assert all(witness.served[20:])


def test_what_is_forgotten_of_an_instant_gone_by_is_of_no_interest() -> None:
    bench = started(POSSIBLE[0], 60, FOR_EVER)
    bench.run(70)
    bench.discipline.leaps_known(0)
    assert bench.run(60).state is State.LOCKED


def test_holdover_ends_at_a_leap_of_which_nobody_told_and_only_messages_bring_time_back() -> None:
    bench = started(POSSIBLE[0], 60)
    witness = Witness(bench, POSSIBLE[0], 1)
    witness.run(40)
    witness.run(15, pulse=False, message=False)
    assert bench.estimate.state is State.HOLDOVER
    witness.run(100, pulse=False, message=False)
    assert (bench.estimate.state, bench.estimate.reason) == (
        State.UNSYNCHRONISED,
        Reason.LEAP_UNKNOWN,
    )
    witness.run(20)
    assert bench.estimate.state is State.LOCKED


def test_a_system_clock_that_names_the_seconds_is_asked_again_behind_the_leap() -> None:
    bench = started(POSSIBLE[0], 60, config=Config(steers=True, labels="system"))
    assert bench.run(55, message=False).state is State.LOCKED
    assert bench.run(10, message=False).reason is Reason.LEAP_UNKNOWN
    assert bench.run(10, message=False).state is State.LOCKED
