# SPDX-License-Identifier: MIT
"""A busy or virtual machine stamps pulses tens of microseconds apart, some milliseconds late: it locks all the same."""

from __future__ import annotations

import random

import pytest
from simulated_clock import Bench

from stratum1.discipline import Config
from stratum1.tracking.snapshot import State

US = 10_000
"""In the units of Bench's noise."""


def busy_machine(seed: int, sd_us: float, steers: bool) -> Bench:
    """Gaussian about a fixed latency, 3 % of the pulses 0.5..5 ms late."""
    rng = random.Random(seed)

    def noise(second: int) -> int:
        late = rng.uniform(500, 5000) if rng.random() < 0.03 else 0.0
        return round((rng.gauss(0, sd_us) + late) * US)

    return Bench(Config(steers=steers), error_ns=278_000_000, crystal=lambda second: 0, noise=noise)


@pytest.mark.parametrize("steers", [True, False])
@pytest.mark.parametrize("sd_us", [5, 20, 60, 200])
@pytest.mark.parametrize("seed", range(8))
def test_coarse_stamps_lock_within_a_minute_and_the_bound_tells_how_coarse(seed: int, sd_us: int, steers: bool) -> None:
    bench = busy_machine(seed, sd_us, steers)
    bench.run(60)
    assert bench.estimate.state is State.LOCKED
    bench.run(600)
    assert bench.record.state[60:].count(State.LOCKED) > 590
    assert bench.record.violations() == 0
    assert max(abs(error) for error in bench.record.served_ns[120:]) < 4 * sd_us * 1000
