# SPDX-License-Identifier: MIT
"""The Allan deviation agrees with its definition, and with what theory says of each kind of noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.history.allan import PACKED_SIZE, Allan
from stratum1.history.stability import Stability
from stratum1.timescale import NS_PER_S
from stratum1.tracking import Snapshot, State

START = 1_700_000_000 // 65_536 * 65_536


def measured(phases: list[float]) -> dict[int, float]:
    allan = Allan()
    for i, phase in enumerate(phases):
        allan.add(START + i, phase)
    return {point.tau_s: point.deviation for point in allan.points()}


def by_definition(phases: list[float], m: int, stride: int) -> float:
    """Every `stride`-th of all overlapping second differences."""
    squares = [
        (phases[n] - 2 * phases[n - m] + phases[n - 2 * m]) ** 2 for n in range(2 * m, len(phases)) if n % stride == 0
    ]
    return math.sqrt(sum(squares) / len(squares) / 2) / m * 1e-9


def test_it_is_what_the_definition_says_at_every_averaging_time() -> None:
    dice = random.Random(1)
    phases = list(accumulate(dice.gauss(0, 30) + 5 for _ in range(9000)))
    found = measured(phases)
    assert list(found) == [2**k for k in range(13)]
    for tau, deviation in found.items():
        assert deviation == pytest.approx(by_definition(phases, tau, max(1, tau // 16)), rel=1e-9)


LENGTH = 1 << 16
NOISE: dict[str, tuple[Callable[[random.Random], list[float]], Callable[[int], float]]] = {
    # sqrt(3) x / tau, 1 / sqrt(tau), sqrt(tau / 3): NIST SP 1065, table 5 for 1 ns of white phase, frequency, walk.
    "white phase": (
        lambda dice: [dice.gauss(0, 1) for _ in range(LENGTH)],
        lambda tau: math.sqrt(3) * 1e-9 / tau,
    ),
    "white frequency": (
        lambda dice: list(accumulate(dice.gauss(0, 1) for _ in range(LENGTH))),
        lambda tau: 1e-9 / math.sqrt(tau),
    ),
    "random walk of frequency": (
        lambda dice: list(accumulate(accumulate(dice.gauss(0, 1) for _ in range(LENGTH)))),
        lambda tau: 1e-9 * math.sqrt((2 * tau * tau + 1) / (6 * tau)),
    ),
}


@pytest.mark.parametrize("kind", NOISE)
def test_each_kind_of_noise_has_its_slope_and_height(kind: str) -> None:
    make, theory = NOISE[kind]
    found = measured(make(random.Random(7)))
    for tau in (2**k for k in range(9)):
        # Three sigma of what so many averaging times can tell.
        assert found[tau] == pytest.approx(theory(tau), rel=3 / math.sqrt(LENGTH / tau))


def test_a_drift_alone_is_its_rate_times_tau_over_root_two_and_an_offset_is_nothing() -> None:
    drift = [0.5 * 0.25 * t * t + 1000 * t - 7 for t in range(5000)]
    for tau, deviation in measured(drift).items():
        assert deviation == pytest.approx(0.25e-9 * tau / math.sqrt(2), rel=1e-6)


@given(gap=st.integers(1, 3000), at=st.integers(100, 2000))
@rounds(max_examples=20, deadline=None)
def test_a_gap_costs_samples_and_never_shows_as_a_jump(gap: int, at: int) -> None:
    dice = random.Random(3)
    allan, noise = Allan(), [dice.gauss(0, 1) for _ in range(4000)]
    for i, phase in enumerate(noise[:at]):
        allan.add(START + i, phase)
    allan.forget()
    for i, phase in enumerate(noise[at:]):
        allan.add(START + at + gap + i, phase + 1e9)
    assert {p.tau_s: p.deviation for p in allan.points()}[1] == pytest.approx(math.sqrt(3) * 1e-9, rel=0.1)


def test_what_is_packed_goes_on_as_if_nothing_had_been() -> None:
    dice = random.Random(5)
    phases = [dice.gauss(0, 1) for _ in range(3000)]
    whole, first = Allan(), Allan()
    for i, phase in enumerate(phases):
        whole.add(START + i, phase)
        if i < 1234:
            first.add(START + i, phase)
    again = Allan()
    assert again.unpack(first.pack()) and len(first.pack()) == PACKED_SIZE
    for i, phase in enumerate(phases):
        again.add(START + i, phase)  # those that were seen before are ignored
    assert again.points() == whole.points()
    torn = bytearray(whole.pack())
    torn[100] ^= 1
    before = again.points()
    assert not again.unpack(bytes(torn)) and not again.unpack(b"") and again.points() == before


def test_the_crystal_is_seen_through_its_steering(tmp_path: Path) -> None:
    """A crystal that runs away evenly, kept at true time by steering that is changed every second."""
    dice = random.Random(11)
    stability = Stability(tmp_path / "stability")
    steering, kernel_error, drift = 0.0, 0.0, 2e-12
    for i in range(4000):
        utc = (START + i) * NS_PER_S
        stability.see(
            Snapshot(
                state=State.LOCKED,
                kernel_ns=utc + round(kernel_error),
                reference_ns=utc,
                offset_ns=round(kernel_error),
                steering=steering,
            ),
            True,
        )
        # The mean of both ends is what the room integrates; so does this crystal.
        last, steering = steering, -drift * i + dice.gauss(0, 3e-9) - kernel_error * 1e-12
        kernel_error += (drift * i + (last + steering) / 2) * NS_PER_S
    crystal = {point.tau_s: point.deviation for point in stability.crystal.points()}
    assert crystal[1024] == pytest.approx(drift * 1024 / math.sqrt(2), rel=0.05)


def test_holdover_adds_nothing_and_a_step_of_the_clock_breaks_the_crystals_phase(tmp_path: Path) -> None:
    stability = Stability(tmp_path / "stability")
    look = Snapshot(state=State.LOCKED, kernel_ns=START * NS_PER_S, reference_ns=START * NS_PER_S, offset_ns=10)
    for i in range(40):
        at = (START + i) * NS_PER_S
        step = 10**9 if i >= 20 else 0
        stability.see(
            replace(look, kernel_ns=at + step, reference_ns=at, correction_ns=-step, steps=int(i >= 20)), i != 30
        )
    assert max(point.deviation for point in stability.crystal.points()) == 0
    assert {point.tau_s: point.intervals for point in stability.served.points()}[1] == 38 - 3
    stability.flush()
    assert Stability(tmp_path / "stability").served.points() == stability.served.points()
    (tmp_path / "stability").write_bytes(b"x" * 10)
    assert Stability(tmp_path / "stability").served.points() == []
