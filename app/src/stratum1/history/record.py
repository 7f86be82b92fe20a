# SPDX-License-Identifier: MIT
"""One look at the clock, and many of them put together into the record of an interval."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field

from stratum1.tracking import State

_BODY = struct.Struct("<q7fBBH")
_CRC = struct.Struct("<I")
RECORD_SIZE = _BODY.size + _CRC.size

# Worst last: an interval is remembered by the worst that it saw.
_SEVERITY = (State.LOCKED, State.HOLDOVER, State.ACQUIRING, State.UNSYNCHRONISED)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the clock; None where nothing is known."""

    utc_ns: int
    state: State
    offset_ns: float | None = None
    """Last pulse: served clock minus pulse; positive is ahead."""
    jitter_ns: float | None = None
    bound_ns: float | None = None
    frequency_ppm: float | None = None
    temperature_c: float | None = None
    satellites: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """An interval of one span; NaN where nothing was known."""

    start_s: int
    """UTC, seconds since 1970."""
    offset_ns: float
    offset_min_ns: float
    offset_max_ns: float
    jitter_ns: float
    bound_ns: float
    """The largest of the interval."""
    frequency_ppm: float
    temperature_c: float
    state: State
    """The worst of the interval."""
    satellites: int
    """The fewest of the interval."""
    count: int
    """Samples in it."""

    def pack(self) -> bytes:
        body = _BODY.pack(
            self.start_s,
            self.offset_ns,
            self.offset_min_ns,
            self.offset_max_ns,
            self.jitter_ns,
            self.bound_ns,
            self.frequency_ppm,
            self.temperature_c,
            self.state,
            self.satellites,
            self.count,
        )
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> Record | None:
        """None for a slot that was never written, or not to its end."""
        if len(raw) != RECORD_SIZE:
            return None
        body = raw[: _BODY.size]
        start_s, offset, low, high, jitter, bound, frequency, temperature, state, satellites, count = _BODY.unpack(body)
        if count == 0 or _CRC.unpack(raw[_BODY.size :])[0] != zlib.crc32(body) or state > max(State):
            return None
        return cls(start_s, offset, low, high, jitter, bound, frequency, temperature, State(state), satellites, count)


class _Mean:
    """Mean and extremes of what is known."""

    __slots__ = ("high", "low", "number", "total")

    def __init__(self) -> None:
        self.number, self.total, self.low, self.high = 0, 0.0, math.nan, math.nan

    def add(self, value: float | None, weight: int = 1) -> None:
        if value is None or math.isnan(value):
            return
        self.low = value if self.number == 0 else min(self.low, value)
        self.high = value if self.number == 0 else max(self.high, value)
        self.number += weight
        self.total += value * weight

    @property
    def mean(self) -> float:
        return self.total / self.number if self.number else math.nan


@dataclass(slots=True)
class Bucket:
    """The interval that is being filled."""

    start_s: int
    state: State = State.LOCKED
    satellites: int = 255
    count: int = 0
    offset: _Mean = field(default_factory=_Mean)
    jitter: _Mean = field(default_factory=_Mean)
    bound: _Mean = field(default_factory=_Mean)
    frequency: _Mean = field(default_factory=_Mean)
    temperature: _Mean = field(default_factory=_Mean)

    def add(self, sample: Sample) -> None:
        self._see(sample.state, sample.satellites, 1)
        self.offset.add(sample.offset_ns)
        self.jitter.add(sample.jitter_ns)
        self.bound.add(sample.bound_ns)
        self.frequency.add(sample.frequency_ppm)
        self.temperature.add(sample.temperature_c)

    def resume(self, record: Record) -> None:
        """Go on where a process left off that was ended within this interval."""
        self._see(record.state, record.satellites, record.count)
        self.offset.add(record.offset_ns, record.count)
        if self.offset.number:
            self.offset.low, self.offset.high = record.offset_min_ns, record.offset_max_ns
        self.jitter.add(record.jitter_ns, record.count)
        self.bound.add(record.bound_ns, record.count)
        self.frequency.add(record.frequency_ppm, record.count)
        self.temperature.add(record.temperature_c, record.count)

    def _see(self, state: State, satellites: int, count: int) -> None:
        self.state = max(self.state, state, key=_SEVERITY.index)
        self.satellites = min(self.satellites, satellites)
        self.count = min(self.count + count, 65535)

    def record(self) -> Record:
        return Record(
            self.start_s,
            self.offset.mean,
            self.offset.low,
            self.offset.high,
            self.jitter.mean,
            self.bound.high,
            self.frequency.mean,
            self.temperature.mean,
            self.state,
            self.satellites,
            self.count,
        )
