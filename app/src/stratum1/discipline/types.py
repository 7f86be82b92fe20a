# SPDX-License-Identifier: MIT
"""What goes into and comes out of the discipline, as plain values.

Signs as in tracking.snapshot: an offset or frequency is positive when the clock is ahead
or runs fast; a correction is what is added to the clock's reading.  Frequencies are
fractional (s/s); instants are int64 nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from stratum1.tracking.snapshot import Leap, Reason, State

FREQUENCY_LIMIT = 500e-6
"""No crystal of a computer is farther off than this (s/s); the kernel adjusts no farther either."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a person may settle about the discipline."""

    delay_ns: int = 0
    """How late a pulse is stamped (antenna cable, interrupt latency); taken off every stamp."""
    edge: str = "auto"
    """Which edge is the second: assert, clear, or auto = the leading one of the shorter half."""
    labels: str = "gpsd"
    """gpsd: messages name the seconds; system: the kernel clock does, known to be right within 0.4 s."""
    steers: bool = False
    """Whether a kernel clock is steered; if not, orders ask for nothing and the correction is everything."""
    bound_limit_ns: int = 10_000_000
    holdover_limit_ns: int = 86_400 * 10**9
    serving: bool = True
    """False: unsynchronised on the wire whatever is known, the manual stop switch."""

    def __post_init__(self) -> None:
        if self.edge not in ("auto", "assert", "clear"):
            raise ValueError(f"edge: {self.edge!r}, want auto, assert or clear")
        if self.labels not in ("gpsd", "system"):
            raise ValueError(f"labels: {self.labels!r}, want gpsd or system")


@dataclass(frozen=True, slots=True)
class StoredDrift:
    """What is worth remembering of a crystal until the next start."""

    frequency: float
    """Frequency error of the kernel clock were it not steered (s/s)."""
    frequency_sigma: float
    """Its standard uncertainty when saved (s/s)."""
    temperature_coefficient: float | None
    """Change of the frequency per kelvin (s/s/K); None when never learned."""
    temperature_mc: int | None
    """Millidegrees Celsius at which `frequency` held."""
    saved_ns: int
    """UTC when saved; tells age, is no evidence of time."""

    def sane(self) -> bool:
        """Whether a crystal could be like this; a damaged file must not steer a clock."""
        numbers = [self.frequency, self.frequency_sigma]
        if self.temperature_coefficient is not None:
            numbers.append(self.temperature_coefficient)
        if not all(math.isfinite(number) for number in numbers):
            return False
        if abs(self.frequency) > FREQUENCY_LIMIT or not 0 < self.frequency_sigma <= FREQUENCY_LIMIT:
            return False
        if self.temperature_coefficient is not None and abs(self.temperature_coefficient) > 5e-6:
            return False
        return self.temperature_mc is None or -60_000 <= self.temperature_mc <= 130_000

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> StoredDrift:
        """The inverse of as_dict; ValueError says what is wrong with values that no crystal has."""

        def number(key: str) -> float:
            value = values.get(key)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{key}: {value!r}, want a number")
            return float(value)

        coefficient = values.get("temperature_coefficient")
        temperature = values.get("temperature_mc")
        drift = cls(
            frequency=number("frequency"),
            frequency_sigma=number("frequency_sigma"),
            temperature_coefficient=None if coefficient is None else number("temperature_coefficient"),
            temperature_mc=None if temperature is None else _whole(number("temperature_mc"), "temperature_mc"),
            saved_ns=_whole(number("saved_ns"), "saved_ns")
            if not isinstance(values.get("saved_ns"), int)
            else int(str(values["saved_ns"])),
        )
        if not drift.sane():
            raise ValueError(f"no crystal is like this: {drift}")
        return drift


def _whole(value: float, key: str) -> int:
    if not math.isfinite(value):
        raise ValueError(f"{key}: {value!r}, want a finite number")
    return int(value)


@dataclass(frozen=True, slots=True)
class Order:
    """What the kernel clock should do now."""

    frequency: float
    """Frequency adjustment to be in force (s/s): added to the free clock's own."""
    step_ns: int
    """The kernel clock to be moved by this much; 0 = leave it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The discipline's part of a tracking.Snapshot, under the same names."""

    state: State
    reason: Reason
    detail: str
    leap: Leap
    stratum: int
    refid: bytes
    kernel_ns: int
    correction_ns: int
    correction_rate: float
    reference_ns: int
    bound_ns: int
    bound_rate: float
    bound_limit_ns: int
    serve_until_ns: int
    leap_at_ns: int
    leap_by_kernel: bool
    frequency: float
    steering: float
    jitter_ns: int
    offset_ns: int
    state_since_ns: int
    holdover_left_ns: int
    last_pulse_ns: int
    pulses_accepted: int
    pulses_rejected: int
    steps: int
    labels_agreeing: int
    labels_needed: int
    message_delay_ns: int
