# SPDX-License-Identifier: MIT
"""Beginnings and changes of the noise: nothing is known of it beforehand, and it may change."""

from __future__ import annotations

import random

import pytest
from simulated_clock import Bench

from stratum1.discipline import Config, StoredDrift
from stratum1.tracking.snapshot import State


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sigma_ns", [20, 1000, 20_000])
def test_a_noise_that_grows_tenfold_is_learned_anew(sigma_ns: int, seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(noise=lambda second: round(rng.gauss(0, sigma_ns if second < 600 else 10 * sigma_ns) * 10))
    bench.run(600)
    bench.run(300)
    assert bench.record.state[-60:].count(State.LOCKED) >= 50
    assert bench.estimate.jitter_ns > 4 * sigma_ns
    # The very first of the wild pulses may be taken for what the clock did.
    assert bench.record.violations() <= 2


@pytest.mark.parametrize("seed", range(6))
def test_a_restart_with_a_remembered_drift_and_a_steered_clock_locks_at_once(seed: int) -> None:
    rng = random.Random(seed)
    drift = StoredDrift(-15e-6, 1e-8, None, None, 0)
    bench = Bench(Config(steers=True), error_ns=0, drift=drift, noise=lambda second: round(rng.gauss(0, 10_000)))
    frequency = bench.clock.adjust(15e-6)
    bench.discipline.begin(bench.clock.kernel_ns, bench.clock.monotonic_ns, frequency, drift)
    bench.run(10)
    assert bench.estimate.state is State.LOCKED
    assert max(abs(error) for error in bench.record.served_ns[9:]) < 2500


@pytest.mark.parametrize("first_ns", [400_000_000, -300_000_000, 5_000_000])
def test_a_first_edge_that_was_no_pulse_names_no_second(first_ns: int) -> None:
    bench = Bench()
    bench.run(5, pulse=False, message=True)
    bench.run(1, extra_ns=first_ns)
    bench.run(40)
    assert bench.estimate.state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000
    assert bench.record.violations() == 0


def test_the_shape_of_interrupt_latency_is_learned() -> None:
    rng = random.Random(7)
    bench = Bench(noise=lambda second: round((rng.gauss(0, 200) + rng.expovariate(1 / 2000)) * 10))
    bench.run(3000)
    late = bench.record.served_ns[1500:]
    assert abs(sum(late) / len(late)) < 300
    assert bench.record.violations() == 0


@pytest.mark.parametrize("seed", range(4))
def test_no_skew_is_imagined_into_symmetric_noise(seed: int) -> None:
    rng = random.Random(seed)
    bench = Bench(noise=lambda second: round(rng.expovariate(1 / 700) * 10) * rng.choice((-1, 1)))
    bench.run(6000)
    late = bench.record.served_ns[1000:]
    assert abs(sum(late) / len(late)) < 100


@pytest.mark.parametrize("sigma_ns", [20, 1000, 20_000])
@pytest.mark.parametrize("seed", range(4))
def test_strays_between_good_pulses_are_not_taken_for_wider_noise(seed: int, sigma_ns: int) -> None:
    """Every second pulse is of a line that bounces; the good ones still say how wide the noise is."""
    rng = random.Random(seed)
    bench = Bench(noise=lambda second: round(rng.gauss(0, sigma_ns) * 10))
    bench.run(120)
    for _ in range(60):
        bench.run(1)
        bench.discipline.edge(bench.sequence, bench.clock.kernel_ns - 900_000_000)
        assert bench.estimate.jitter_ns < 2 * max(sigma_ns, 5)
    bench.run(600)
    # A width too large by far once made the later of two equal tails look true.
    assert abs(sum(bench.record.served_ns[-400:])) / 400 < 0.5 * sigma_ns
    assert bench.record.violations() == 0


@pytest.mark.parametrize("seed", range(6))
def test_a_gap_imagines_no_tail_into_fine_stamps(seed: int) -> None:
    """The pulses that find the clock again are off by what the crystal did meanwhile, not by their noise."""
    rng = random.Random(seed)
    frequency = [-150_000_000]

    def crystal(second: int) -> int:
        frequency[0] += round(rng.gauss(0, 15_000))
        return frequency[0]

    bench = Bench(crystal=crystal, noise=lambda second: round(rng.gauss(0, 21) * 10))
    for _ in range(6):
        bench.run(400)
        assert bench.estimate.jitter_ns < 40
        bench.run(900, pulse=False)
    bench.run(400)
    assert max(map(abs, bench.record.served_ns[-300:])) < 150
    assert bench.record.violations() == 0
