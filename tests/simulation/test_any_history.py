# SPDX-License-Identifier: MIT
"""Whatever happens, in whatever order: finite numbers, a covering bound, and no wrong second."""

from __future__ import annotations

import math
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_clock import Bench, obey

from stratum1.discipline import Config, Discipline
from stratum1.tracking.snapshot import Leap, Reason, State

INT64 = st.integers(-(2**62), 2**62)

good = st.tuples(st.just("good"), st.integers(1, 60))
gap = st.tuples(st.just("gap"), st.integers(1, 400))
silence = st.tuples(st.just("silence"), st.integers(1, 60))
no_fix = st.tuples(st.just("no fix"), st.integers(1, 60))
unsure = st.tuples(st.just("utc unverified"), st.integers(1, 30))
wrong = st.tuples(st.just("wrong second"), st.integers(1, 300), st.integers(-3, 3))
sign = st.sampled_from([-1, 1])
# What is smaller than these could be the crystal's own doing, and is a matter of the bound, not of faults.
spike = st.tuples(
    st.just("spike"), st.integers(1, 20), st.builds(lambda s, n: s * n, sign, st.integers(10**6, 4 * 10**8))
)
step = st.tuples(st.just("step"), st.builds(lambda s, n: s * n, sign, st.integers(600_000, 10**11)))
double = st.tuples(st.just("double edge"), st.integers(1, 20))

CONVINCING = 600
"""A receiver that insists on another second for so many messages is believed (docs/timekeeping.md)."""


def insists(events: list[tuple[object, ...]]) -> bool:
    return sum(int(str(amount)) for what, amount, *_ in events if what == "wrong second") >= CONVINCING


anything = st.one_of(good, good, gap, silence, no_fix, unsure, wrong, spike, step, double)
history = st.lists(anything, max_size=14).filter(lambda events: not insists(events))


def worst_over_bound(bench: Bench) -> float:
    record = bench.record
    seconds = zip(record.served_ns, record.bound_ns, record.state, strict=True)
    return max((abs(error) / bound for error, bound, state in seconds if state.serves), default=0.0)


def live(bench: Bench, events: list[tuple[object, ...]]) -> None:
    for what, amount, *more in events:
        assert isinstance(amount, int)
        match what:
            case "good":
                bench.run(amount)
            case "gap":
                bench.run(amount, pulse=False)
            case "silence":
                bench.run(amount, message=False)
            case "no fix":
                bench.run(amount, fix=False)
            case "utc unverified":
                bench.run(amount, utc_valid=False)
            case "wrong second":
                bench.run(amount, named_late_s=int(str(more[0])))
            case "spike":
                bench.run(amount, extra_ns=int(str(more[0])))
            case "step":
                bench.clock.step(amount)
            case "double edge":
                for _ in range(amount):
                    bench.run(1)
                    bench.discipline.edge(bench.sequence, bench.clock.kernel_ns - 900_000_000)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    history.filter(lambda events: not insists(events)),
    st.integers(0, 2**32),
    st.sampled_from([20, 1000, 20_000]),
    st.booleans(),
)
def test_time_that_is_claimed_is_right(
    events: list[tuple[object, ...]], seed: int, sigma_ns: int, steers: bool
) -> None:
    rng = random.Random(seed)
    bench = Bench(Config(steers=steers), noise=lambda second: round(rng.gauss(0, sigma_ns) * 10))
    bench.run(60)
    assert bench.estimate.state.serves
    live(bench, events)
    estimate = bench.estimate
    assert math.isfinite(estimate.frequency)
    assert math.isfinite(estimate.correction_rate)
    assert math.isfinite(estimate.bound_rate)
    assert worst_over_bound(bench) <= 1.0
    claimed = [error for error, state in zip(bench.record.served_ns, bench.record.state, strict=True) if state.serves]
    assert max(map(abs, claimed)) < 0.4e9
    # And when all is well again, so is time: a second named wrong for long needs long to be trusted again.
    bench.run(1300)
    assert bench.estimate.state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < max(6 * sigma_ns, 1000)
    assert worst_over_bound(bench) <= 1.0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("edge"), INT64, st.booleans()),
            st.tuples(st.just("sawtooth"), INT64, st.floats()),
            st.tuples(st.just("message"), INT64, INT64, st.booleans()),
            st.tuples(st.just("advance"), INT64, INT64, st.integers(-(2**31), 2**31)),
            st.tuples(st.just("leap"), st.sampled_from(list(Leap)), INT64, st.booleans()),
            st.tuples(st.just("lost"), st.sampled_from(list(Reason))),
        ),
        max_size=40,
    )
)
def test_no_input_makes_a_number_that_is_none(events: list[tuple[object, ...]]) -> None:
    discipline = Discipline(Config(steers=True))
    discipline.begin(10**18, 10**12)
    calls = {
        "edge": lambda stamp, clear: discipline.edge(1, stamp, clear),
        "sawtooth": discipline.sawtooth,
        "message": lambda utc, arrival, fix: discipline.message(utc, arrival, fix, None),
        "advance": discipline.advance,
        "leap": discipline.leap,
        "lost": discipline.messages_lost,
    }
    for what, *arguments in events:
        calls[str(what)](*arguments)
        estimate = discipline.estimate()
        assert math.isfinite(estimate.frequency)
        assert math.isfinite(estimate.bound_rate)
        assert estimate.bound_ns >= 0
        assert not estimate.state.serves


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([Leap.INSERT, Leap.DELETE]),
    st.booleans(),
    st.booleans(),
    st.integers(30, 200),
    st.integers(0, 2**32),
)
def test_a_leap_second_is_taken_once(leap: Leap, by_kernel: bool, steers: bool, after: int, seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(Config(steers=steers), error_ns=0, noise=lambda second: round(rng.gauss(0, 10_000)))
    bench.run(after)
    delta = 1 if leap is Leap.INSERT else -1
    at_s = bench.clock.second + 20
    bench.discipline.leap(leap, bench.clock.epoch_ns + at_s * 10**9, by_kernel)
    bench.run(5)
    assert bench.estimate.leap is leap
    # From the leap on, UTC (and with it the simulated truth) counts one second less or more.
    turn = at_s if leap is Leap.INSERT else at_s - 1
    bench.run(turn - bench.clock.second)
    bench.clock.epoch_ns -= delta * 10**9
    bench.clock.error += delta * 10**13
    if by_kernel:
        bench.clock.step(-delta * 10**9)
    claimed_before = len(bench.record.state)
    bench.clock.pass_to(10**10)
    obey(bench.discipline, bench.clock)
    bench.estimate, bench.monotonic_ns = bench.discipline.estimate(), bench.clock.monotonic_ns
    bench.run(60)
    assert bench.estimate.leap is Leap.NONE
    assert all(state is State.LOCKED for state in bench.record.state[claimed_before:])
    assert max(map(abs, bench.record.served_ns[claimed_before:])) < 10_000
