# SPDX-License-Identifier: MIT
"""Overlapping Allan deviation of a phase, brought up to date at every sample and in memory that never grows.

After NIST SP 1065, section 5.2.4: sigma(tau)^2 = <(x[n] - 2 x[n-m] + x[n-2m])^2> / (2 tau^2).  The averaging times
are octaves.  Up to 16 s every second counts; for longer ones the phase is looked at 16 times per averaging time,
which loses next to nothing and keeps a ring of 33 phases per octave.  A second without a phase is a gap, and
nothing is computed across it that would need it.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from dataclasses import dataclass

FINEST_M = (1, 2, 4, 8, 16)
OCTAVES = 17
"""1 s to 65536 s."""

_LEVELS = OCTAVES - len(FINEST_M) + 1
_KEPT = 33
_DAY_S = 86_400
_LONGEST_MEMORY = 64
"""Averages reach back a day, or so many averaging times where that is longer."""

_HEAD = struct.Struct("<q")
_SUM = struct.Struct("<Qd")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Point:
    tau_s: int
    deviation: float
    """Dimensionless: s/s."""
    intervals: int
    """How many averaging times it rests on; its own error is about 1 / sqrt(2 intervals)."""


class _Sum:
    """Mean of the squared second differences for one averaging time, recent ones weighing most."""

    __slots__ = ("count", "m", "mean", "most", "step_s")

    def __init__(self, m: int, step_s: int) -> None:
        self.m, self.step_s = m, step_s
        self.count, self.mean = 0, 0.0
        self.most = max(_DAY_S, _LONGEST_MEMORY * m * step_s) // step_s

    def add(self, difference: float) -> None:
        self.count += 1
        self.mean += (difference * difference - self.mean) / min(self.count, self.most)

    def point(self) -> Point | None:
        if not self.count:
            return None
        tau = self.m * self.step_s
        return Point(tau, math.sqrt(self.mean / 2) / tau * 1e-9, max(1, min(self.count, self.most) // self.m))


class _Level:
    """The phase every `step_s` seconds."""

    __slots__ = ("latest", "phases", "step_s", "sums")

    def __init__(self, step_s: int, ms: tuple[int, ...]) -> None:
        self.step_s = step_s
        self.sums = [_Sum(m, step_s) for m in ms]
        self.forget()

    def forget(self) -> None:
        """What comes next has no known phase to what was."""
        self.latest = -1
        self.phases = array("d", [math.nan]) * _KEPT

    def add(self, number: int, phase: float) -> None:
        if number <= self.latest:
            return
        for missing in range(max(self.latest + 1, number - _KEPT), number):
            self.phases[missing % _KEPT] = math.nan
        self.latest = number
        phases = self.phases
        phases[number % _KEPT] = phase
        for each in self.sums:
            second = phase - 2 * phases[(number - each.m) % _KEPT] + phases[(number - 2 * each.m) % _KEPT]
            if not math.isnan(second):
                each.add(second)


class Allan:
    def __init__(self) -> None:
        self._levels = [_Level(2**k, FINEST_M if k == 0 else FINEST_M[-1:]) for k in range(_LEVELS)]

    def add(self, second: int, phase_ns: float) -> None:
        """The phase at a whole second of UTC; seconds that do not come later than all before are ignored."""
        for level in self._levels:
            if second % level.step_s == 0:
                level.add(second // level.step_s, phase_ns)

    def forget(self) -> None:
        """The phase begins anew, as after a step of the clock; what was measured stays."""
        for level in self._levels:
            level.forget()

    def points(self) -> list[Point]:
        """By averaging time, those that are known."""
        found = (each.point() for level in self._levels for each in level.sums)
        return [point for point in found if point is not None]

    def pack(self) -> bytes:
        parts = []
        for level in self._levels:
            parts += [_HEAD.pack(level.latest), level.phases.tobytes()]
            parts += [_SUM.pack(each.count, each.mean) for each in level.sums]
        body = b"".join(parts)
        return body + _CRC.pack(zlib.crc32(body))

    def unpack(self, raw: bytes) -> bool:
        """Go on from what `pack` gave; False, and nothing changes, for anything else."""
        if len(raw) != PACKED_SIZE or _CRC.unpack(raw[-_CRC.size :])[0] != zlib.crc32(raw[: -_CRC.size]):
            return False
        at = 0
        for level in self._levels:
            (level.latest,) = _HEAD.unpack_from(raw, at)
            at += _HEAD.size
            level.phases = array("d", raw[at : at + 8 * _KEPT])
            at += 8 * _KEPT
            for each in level.sums:
                each.count, each.mean = _SUM.unpack_from(raw, at)
                at += _SUM.size
        return True


PACKED_SIZE = _LEVELS * (_HEAD.size + 8 * _KEPT) + OCTAVES * _SUM.size + _CRC.size
