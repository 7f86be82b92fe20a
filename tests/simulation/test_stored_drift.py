# SPDX-License-Identifier: MIT
"""What is remembered of a crystal from one start to the next: used when it can be true, else as if there were none."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulated_clock import Bench

from stratum1.discipline import Config, StoredDrift
from stratum1.tracking.snapshot import State

GOOD = StoredDrift(-15e-6, 2e-9, 3e-8, 41_000, 1_800_000_000_000_000_000)


def test_a_drift_that_was_learned_is_known_at_the_next_start() -> None:
    rng = random.Random(1)
    bench = Bench(Config(steers=True), noise=lambda second: round(rng.gauss(0, 1000) * 10))
    bench.run(2000)
    drift = bench.discipline.drift()
    assert drift is not None
    assert drift.frequency == pytest.approx(-15e-6, abs=2e-8)
    again = StoredDrift.from_dict(json.loads(json.dumps(drift.as_dict())))
    assert again == drift
    warm, cold = (
        Bench(Config(steers=True), drift=known, noise=lambda second: round(rng.gauss(0, 100_000) * 10))
        for known in (again, None)
    )
    warm.run(12)
    cold.run(12)
    assert abs(warm.estimate.frequency + 15e-6) < 1e-6 < abs(cold.estimate.frequency + 15e-6)


@pytest.mark.parametrize(
    "drift",
    [
        StoredDrift(2e-3, 1e-9, None, None, 0),
        StoredDrift(math.nan, 1e-9, None, None, 0),
        StoredDrift(-15e-6, 0.0, None, None, 0),
        StoredDrift(-15e-6, math.inf, None, None, 0),
        StoredDrift(-15e-6, 1e-9, math.nan, None, 0),
        StoredDrift(-15e-6, 1e-9, 1e-3, None, 0),
        StoredDrift(-15e-6, 1e-9, None, 900_000, 0),
    ],
)
def test_values_that_no_crystal_has_are_as_none(drift: StoredDrift) -> None:
    assert not drift.sane()
    told, none = Bench(drift=drift), Bench()
    assert told.run(30) == none.run(30)
    assert told.estimate.state is State.LOCKED


def test_a_drift_of_another_crystal_does_not_lead_astray() -> None:
    bench = Bench(drift=StoredDrift(80e-6, 1e-9, 4e-6, 20_000, 0))
    assert bench.run(60).state is State.LOCKED
    assert bench.record.violations() == 0
    assert abs(bench.record.served_ns[-1]) < 1000


anything = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.integers(), st.floats())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(GOOD.as_dict())), anything))
def test_a_damaged_store_is_refused_in_words_or_sane(damage: dict[str, object]) -> None:
    try:
        drift = StoredDrift.from_dict({**GOOD.as_dict(), **damage})
    except ValueError as error:
        assert str(error)
    else:
        assert drift.sane()
