# SPDX-License-Identifier: MIT
"""A receiver gives its pulses at ticks of 48 MHz and says how late each is: taken off where that is true."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from simulated_clock import Bench

TICK_NS = 1e9 / 48e6
SECONDS = 6000
LEARNED = 1500
"""From here on the values have been seen to be true."""

Telling = Callable[[int], float | None]


def saw(second: int) -> float:
    """Late by this many ns: a sawtooth that turns its direction every 25 minutes and stands still while it does."""
    turns = 0.3 * 1500 / math.pi * math.sin(math.pi * second / 1500)
    return TICK_NS * (turns % 1.0 - 0.5)


def served(
    seed: int, tell: Telling, *, after: bool = False, second_off: int = 0, sigma_ns: float = 3.0
) -> tuple[float, Bench]:
    """RMS error (ns) of served time, and the bench; the receiver says of each pulse what `tell` gives."""
    rng = random.Random(seed)
    walk = [-150_000_000]

    def crystal(second: int) -> int:
        walk[0] += round(rng.gauss(0, 2_200))
        return walk[0] + round(rng.gauss(0, 10_000))

    bench = Bench(crystal=crystal, noise=lambda second: round((rng.gauss(0, sigma_ns) + saw(second)) * 10))

    def say(second: int) -> None:
        if (late := tell(second)) is not None:
            bench.discipline.sawtooth(bench.clock.epoch_ns + (second + second_off) * 10**9, late)

    if after:
        bench.after_pulse = say
    else:
        bench.before_pulse = say
    bench.run(SECONDS)
    assert bench.record.violations() == 0
    errors = bench.record.served_ns[LEARNED:]
    return math.sqrt(sum(error * error for error in errors) / len(errors)), bench


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_the_receiver_tells_is_taken_off(seed: int, after: bool) -> None:
    untold, _ = served(seed, lambda second: None)
    told, _ = served(seed, saw, after=after)
    assert told < 0.75 * untold
    # Where the sawtooth stands still no averaging helps: there it is worth most.
    assert told < 6.0


def test_the_sign_is_learned() -> None:
    told, _ = served(1, saw)
    turned, _ = served(1, lambda second: -saw(second))
    assert turned == pytest.approx(told, rel=0.05)


@pytest.mark.parametrize("second_off", [-2, -1, 1, 2])
def test_a_value_of_the_wrong_second_does_no_harm(second_off: int) -> None:
    untold, _ = served(3, lambda second: None)
    wrong, _ = served(3, saw, second_off=second_off)
    assert wrong < 1.2 * untold


def test_values_that_have_nothing_to_do_with_the_pulses_are_not_used() -> None:
    rng = random.Random(4)
    untold, _ = served(4, lambda second: None)
    random_ones, _ = served(4, lambda second: rng.uniform(-11, 11))
    assert random_ones < 1.05 * untold


@pytest.mark.parametrize("after", [False, True])
def test_values_that_are_missing_now_and_then_or_cease_do_no_harm(after: bool) -> None:
    untold, _ = served(5, lambda second: None)
    rare = random.Random(5)
    patchy, _ = served(5, lambda second: saw(second) if rare.random() < 0.7 else None, after=after)
    ceasing, _ = served(5, lambda second: saw(second) if second < 3000 else None, after=after)
    assert patchy < untold
    assert ceasing < untold


def test_where_the_sawtooth_drowns_in_other_noise_nothing_changes() -> None:
    untold, _ = served(6, lambda second: None, sigma_ns=1000.0)
    told, _ = served(6, saw, sigma_ns=1000.0)
    assert told < 1.02 * untold


@pytest.mark.parametrize("late", [math.nan, math.inf, -math.inf, 1e300, 5e6])
def test_a_value_that_no_receiver_has_is_as_none(late: float) -> None:
    assert served(7, lambda second: late)[1].estimate == served(7, lambda second: None)[1].estimate
