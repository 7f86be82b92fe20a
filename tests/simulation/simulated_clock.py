# SPDX-License-Identifier: MIT
"""A kernel clock in simulated time: what the discipline sees of it, and how wrong it truly is.

Exact integers: true time and the clock's error are counted in 1e-13 s, so a day of steering
rounds nothing away.  Signs: an error is positive when the clock is ahead of true time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stratum1.discipline import Config, Discipline, Estimate, StoredDrift
from stratum1.tracking.snapshot import State

TICKS_PER_NS = 10_000
TICKS_PER_S = 10**13
KERNEL_STEP = 2.0**-16 * 1e-6
"""The kernel keeps a frequency adjustment in units of 2^-16 ppm (timex.freq)."""


SWITCHED_ON_NS = 1_789_999_000 * 10**9


@dataclass
class SimulatedClock:
    """A clock whose free frequency is told second by second, steered and stepped on order."""

    error: int
    """Clock minus true time, 1e-13 s, at `second`."""
    epoch_ns: int = 1_790_000_000 * 10**9
    """UTC of true second 0."""
    second: int = 0
    free: int = 0
    """Frequency error of the free clock in this second, 1e-13."""
    steering: int = 0
    """Adjustment in force, 1e-13 (the error of rounding to it is below 1e-13)."""
    fraction: int = 0
    """True time since `second`, 1e-13 s."""
    unsteered_steps: int = 0
    """Sum of all steps, ns: what CLOCK_REALTIME has and CLOCK_MONOTONIC has not."""

    def pass_to(self, fraction: int) -> None:
        """True time goes on to `fraction` (1e-13 s) of this second; TICKS_PER_S is the next second."""
        self.error += (self.free + self.steering) * (fraction - self.fraction) // TICKS_PER_S
        self.fraction = fraction
        if fraction == TICKS_PER_S:
            self.second += 1
            self.fraction = 0

    @property
    def true_ns(self) -> int:
        return self.epoch_ns + self.second * 10**9 + self.fraction // TICKS_PER_NS

    @property
    def kernel_ns(self) -> int:
        """CLOCK_REALTIME."""
        return self.epoch_ns + self.second * 10**9 + (self.fraction + self.error + TICKS_PER_NS // 2) // TICKS_PER_NS

    @property
    def monotonic_ns(self) -> int:
        return self.kernel_ns - self.unsteered_steps - SWITCHED_ON_NS

    def step(self, step_ns: int) -> None:
        self.error += step_ns * TICKS_PER_NS
        self.unsteered_steps += step_ns

    def adjust(self, frequency: float) -> float:
        """Steer by `frequency` (s/s) as nearly as the kernel can; the adjustment in force (s/s)."""
        units = round(max(-500e-6, min(500e-6, frequency)) / KERNEL_STEP)
        self.steering = round(units * KERNEL_STEP * 1e13)
        return units * KERNEL_STEP


def obey(discipline: Discipline, clock: SimulatedClock, temperature_mc: int | None = None) -> None:
    """One turn of the timekeeper: ask for orders, carry them out, tell what was done."""
    order = discipline.advance(clock.kernel_ns, clock.monotonic_ns, temperature_mc)
    if order.step_ns:
        clock.step(order.step_ns)
    frequency = clock.adjust(order.frequency)
    discipline.applied(clock.kernel_ns, frequency, order.step_ns, clock.monotonic_ns)


def served_error_ns(estimate: Estimate, clock: SimulatedClock) -> float:
    """Served minus true time now, as a reader of the snapshot would serve it."""
    age = clock.kernel_ns - estimate.kernel_ns
    return clock.error / TICKS_PER_NS + estimate.correction_ns + estimate.correction_rate * age


def bound_ns(estimate: Estimate, clock: SimulatedClock) -> float:
    return estimate.bound_ns + estimate.bound_rate * abs(clock.kernel_ns - estimate.kernel_ns)


@dataclass
class Record:
    """Second by second, at each true second, before the pulse of that second is known."""

    clock_ns: list[float] = field(default_factory=list)
    served_ns: list[float] = field(default_factory=list)
    bound_ns: list[float] = field(default_factory=list)
    state: list[State] = field(default_factory=list)

    def note(self, estimate: Estimate, clock: SimulatedClock, monotonic_ns: int) -> None:
        self.clock_ns.append(clock.error / TICKS_PER_NS)
        self.served_ns.append(served_error_ns(estimate, clock))
        self.bound_ns.append(bound_ns(estimate, clock))
        # A reader of the snapshot sees by the monotonic clock that someone stepped the other one.
        stepped = abs(clock.kernel_ns - clock.monotonic_ns - (estimate.kernel_ns - monotonic_ns)) > 500_000
        self.state.append(State.UNSYNCHRONISED if stepped else estimate.state)

    def violations(self) -> int:
        """Seconds in which time was claimed to be better than it was."""
        return sum(
            state.serves and abs(error) > bound
            for state, error, bound in zip(self.state, self.served_ns, self.bound_ns, strict=True)
        )


PULSE_READ = 10**8
"""The timekeeper has fetched the pulse 10 us after the second."""
MESSAGE = 3 * 10**12
"""A burst begins 0.3 s after its pulse."""


class Bench:
    """A receiver, a crystal and a timekeeper around one Discipline, all in simulated time."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        error_ns: int = 500_000_000,
        drift: StoredDrift | None = None,
        crystal: Callable[[int], int] = lambda second: -150_000_000,
        noise: Callable[[int], int | None] = lambda second: 0,
        thermometer: Callable[[int], int | None] = lambda second: None,
    ) -> None:
        """`crystal`: frequency error in each second, 1e-13; `noise`: of its pulse's stamp, 0.1 ns, None = no pulse."""
        self.clock = SimulatedClock(error=error_ns * TICKS_PER_NS)
        self.discipline = Discipline(config or Config(steers=True))
        self.discipline.begin(self.clock.kernel_ns, self.clock.monotonic_ns, drift=drift)
        self.crystal = crystal
        self.noise = noise
        self.thermometer = thermometer
        self.before_pulse: Callable[[int], None] = lambda second: None
        """What the receiver says just before, and just after, the pulse of a second."""
        self.after_pulse: Callable[[int], None] = lambda second: None
        self.estimate = self.discipline.estimate()
        self.monotonic_ns = self.clock.monotonic_ns
        self.record = Record()
        self.sequence = 0

    def run(
        self,
        seconds: int,
        *,
        pulse: bool = True,
        message: bool = True,
        fix: bool = True,
        utc_valid: bool | None = None,
        named_late_s: int = 0,
        burst_ticks: int = MESSAGE,
        extra_ns: int = 0,
    ) -> Estimate:
        """`named_late_s`: the receiver names a second this much later than true; `extra_ns` makes stamps late."""
        clock, discipline = self.clock, self.discipline
        for _ in range(seconds):
            self.record.note(self.estimate, clock, self.monotonic_ns)
            clock.free = self.crystal(clock.second)
            noise = self.noise(clock.second) if pulse else None
            stamp = None
            if noise is not None:
                stamp = clock.true_ns + extra_ns + (clock.error + noise * 1000 + TICKS_PER_NS // 2) // TICKS_PER_NS
            self.before_pulse(clock.second)
            clock.pass_to(PULSE_READ)
            if stamp is not None:
                self.sequence += 1
                discipline.edge(self.sequence, stamp)
            obey(discipline, clock, self.thermometer(clock.second))
            self.after_pulse(clock.second)
            self.estimate, self.monotonic_ns = discipline.estimate(), clock.monotonic_ns
            if message:
                named = clock.epoch_ns + (clock.second + named_late_s) * 10**9
                clock.pass_to(burst_ticks)
                discipline.message(named, clock.kernel_ns, fix, utc_valid)
            clock.pass_to(TICKS_PER_S)
        return self.estimate
