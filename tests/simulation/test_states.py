# SPDX-License-Identifier: MIT
"""The states and the loss policy: when time is claimed, when it is given up and how it comes back."""

from __future__ import annotations

import random

import pytest
from simulated_clock import Bench

from stratum1.discipline import Config
from stratum1.tracking.snapshot import Reason, State


def noisy(seed: int) -> Bench:
    rng = random.Random(seed)
    return Bench(noise=lambda second: round(rng.gauss(0, 10_000)))


@pytest.mark.parametrize("steers", [True, False])
def test_locks_within_15_s_of_the_first_fix(steers: bool) -> None:
    bench = Bench(Config(steers=steers))
    assert bench.run(30, fix=False).reason is Reason.NO_FIX
    assert bench.run(15).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000
    assert bench.estimate.stratum == 1
    assert bench.estimate.refid == b"PPS\0"


def test_pulses_without_a_fix_are_lost_pulses() -> None:
    bench = noisy(1)
    bench.run(100)
    estimate = bench.run(2, fix=False)
    assert (estimate.state, estimate.reason) == (State.HOLDOVER, Reason.FIX_LOST)
    assert bench.run(10).state is State.LOCKED
    assert bench.record.violations() == 0


def test_no_pulse_for_more_than_3_s_is_holdover() -> None:
    bench = noisy(2)
    bench.run(100)
    assert bench.run(2, pulse=False).state is State.LOCKED
    estimate = bench.run(3, pulse=False)
    assert (estimate.state, estimate.reason) == (State.HOLDOVER, Reason.PULSE_LOST)
    assert bench.run(5).state is State.LOCKED


def test_a_second_named_wrong_never_moves_served_time() -> None:
    bench = noisy(3)
    bench.run(100)
    estimate = bench.run(200, named_late_s=1)
    assert (estimate.state, estimate.reason) == (State.HOLDOVER, Reason.LABELS_DISAGREE)
    assert bench.run(20).state is State.LOCKED
    assert bench.record.violations() == 0
    assert max(abs(error) for error in bench.record.served_ns[20:]) < 1e6


def test_another_second_is_believed_only_after_long_and_by_way_of_unsynchronised() -> None:
    bench = noisy(4)
    bench.run(100)
    bench.run(2000, named_late_s=1)
    assert bench.estimate.state is State.LOCKED
    states = bench.record.state
    moved = next(i for i, error in enumerate(bench.record.served_ns) if i > 50 and abs(error) > 5e8)
    assert moved > 600
    assert states[moved] is State.UNSYNCHRONISED or states[moved - 1] is State.UNSYNCHRONISED


def test_holdover_ends_with_its_limit() -> None:
    bench = Bench(Config(steers=True, holdover_limit_ns=60 * 10**9))
    bench.run(100)
    estimate = bench.run(70, pulse=False, message=False)
    assert (estimate.state, estimate.reason) == (State.UNSYNCHRONISED, Reason.HOLDOVER_EXPIRED)
    assert estimate.stratum == 0
    assert bench.run(30).state is State.LOCKED


def test_a_clock_stepped_by_someone_is_not_served() -> None:
    bench = noisy(5)
    bench.run(100)
    bench.clock.step(3 * 10**9 + 123)
    estimate = bench.run(1, pulse=False, message=False)
    assert (estimate.state, estimate.reason) == (State.UNSYNCHRONISED, Reason.CLOCK_STEPPED)
    assert bench.run(30).state is State.LOCKED
    assert abs(bench.record.clock_ns[-1]) < 10_000
    assert bench.record.violations() == 0


@pytest.mark.parametrize("step_ns", [700_000, -30_000_000, 3 * 10**9 + 123, -(10**11)])
@pytest.mark.parametrize("wrong_s", [10, 40])
def test_pulses_that_are_equally_wrong_after_a_step_are_not_believed(step_ns: int, wrong_s: int) -> None:
    """The monotonic clock tells by how much the other was moved, so there is a phase to hold them against."""
    bench = noisy(6)
    bench.run(100)
    bench.clock.step(step_ns)
    assert bench.run(wrong_s, extra_ns=50_000_000).reason is Reason.CLOCK_STEPPED
    assert not any(state.serves for state in bench.record.state[100:])
    assert bench.run(20).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 10_000
    assert bench.record.violations() == 0


def test_after_a_step_time_is_back_with_the_sixth_message() -> None:
    bench = noisy(7)
    bench.run(100)
    bench.clock.step(-5_000_000)
    assert bench.run(8).state is State.LOCKED
    assert bench.record.violations() == 0


def asleep(bench: Bench, seconds: int, error_ns: int) -> None:
    """The machine sleeps: the monotonic clock stands still, the other is set from a poor clock on waking."""
    bench.clock.step(seconds * 10**9 + error_ns)
    bench.clock.second += seconds
    bench.clock.error -= seconds * 10**13


@pytest.mark.parametrize("error_ns", [0, 300_000_000, -420_000_000, 2_000_000])
def test_after_a_sleep_time_is_claimed_only_when_pulses_and_messages_have_agreed_for_long(error_ns: int) -> None:
    """It looks like a step by two hours, which the receiver then denies."""
    bench = noisy(8)
    bench.run(100)
    asleep(bench, 7200, error_ns)
    assert bench.run(500).state is State.UNSYNCHRONISED
    assert bench.run(250).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 10_000
    assert bench.record.violations() == 0


@pytest.mark.parametrize("seconds", [-3, -1, 1, 2])
@pytest.mark.parametrize("step_ns", [49_763_149, -5_000_000, 2 * 10**9])
def test_after_a_step_and_a_bouncing_line_a_receiver_that_names_wrong_seconds_is_not_believed(
    step_ns: int, seconds: int
) -> None:
    """That messages once agreed after the step does not make the next second that they name as good."""
    bench = noisy(9)
    bench.run(100)
    bench.clock.step(step_ns)
    for _ in range(10):
        bench.run(1)
        bench.discipline.edge(bench.sequence, bench.clock.kernel_ns - 900_000_000)
    bench.run(1)
    bench.clock.step(-step_ns)
    bench.run(7, pulse=False)
    bench.run(25, named_late_s=seconds)
    bench.run(120, named_late_s=seconds)
    claimed = [e for e, state in zip(bench.record.served_ns, bench.record.state, strict=True) if state.serves]
    assert max(map(abs, claimed)) < 10**6
    assert bench.run(700).state is State.LOCKED
    assert bench.record.violations() == 0
