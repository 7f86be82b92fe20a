# SPDX-License-Identifier: MIT
"""Another line of pulses, watched beside the one in use, so that it can take over without a step."""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING

from stratum1.pps import Edge, new_edges
from stratum1.timekeeper.trial import SECOND, TOGETHER_NS

if TYPE_CHECKING:
    from stratum1.pps import PulseSource

_PHASES = 64
_ENOUGH = 20
_STEADY_NS = 20_000
"""Between the halves of what was seen: a line of no receiver slides by more, interrupts jitter by less."""
_FRESH_NS = 5 * SECOND // 2


class Standby:
    """`source`, held against the edges of the line in use."""

    def __init__(self, source: PulseSource) -> None:
        self.source = source
        self._phases: dict[bool, deque[int]] = {False: deque(maxlen=_PHASES), True: deque(maxlen=_PHASES)}
        self._used: dict[bool, int] = {}
        self._last_ns = 0

    def used(self, edge: Edge) -> None:
        """An edge of the line in use."""
        self._used[edge.clear] = edge.stamp_ns

    def look(self) -> None:
        """Take what has come here; PulseError when the device has gone."""
        while (pulse := self.source.fetch()) is not None:
            for edge in new_edges(self.source.previous, pulse):
                if not edge.clear:
                    self._last_ns = edge.stamp_ns
                if edge.clear in self._used:
                    apart = (edge.stamp_ns - self._used[edge.clear] + SECOND // 2) % SECOND - SECOND // 2
                    self._phases[edge.clear].append(apart)

    def forget(self) -> None:
        """The clock was stepped, or another line is in use."""
        self._used.clear()
        for phases in self._phases.values():
            phases.clear()

    def ready(self, kernel_ns: int) -> bool:
        """Whether it ticks with the line in use and could take over now."""
        phases = list(self._phases[False])
        if len(phases) < _ENOUGH or not 0 <= kernel_ns - self._last_ns <= _FRESH_NS:
            return False
        half = len(phases) // 2
        slid = statistics.median(phases[half:]) - statistics.median(phases[:half])
        return abs(slid) <= _STEADY_NS and abs(statistics.median(phases)) <= TOGETHER_NS

    def behind_ns(self, clear: bool) -> int:
        """By how much its edges come after those of the line in use, in the median."""
        phases = self._phases[clear] or self._phases[False]
        return round(statistics.median(phases))


class Takeover:
    """Makes the edges of a line that took over look like those of the line before: same phase, count going on."""

    def __init__(self) -> None:
        self._behind = {False: 0, True: 0}
        self._ahead: dict[bool, int] = {}
        self._last: dict[bool, Edge] = {}

    def take_over(self, standby: Standby) -> None:
        """From now on edges come from `standby`, whose phases are against what passed here before."""
        for clear in (False, True):
            self._behind[clear] = standby.behind_ns(clear)
        self._ahead.clear()

    def passed(self, edge: Edge) -> Edge:
        """`edge` as it is to be told on."""
        stamp_ns = edge.stamp_ns - self._behind[edge.clear]
        last = self._last.get(edge.clear)
        if edge.clear not in self._ahead:
            # Counted on by the time that has passed, so that nothing takes it for missed or for the same pulse.
            count = last.sequence + round((stamp_ns - last.stamp_ns) / SECOND) if last is not None else edge.sequence
            self._ahead[edge.clear] = count - edge.sequence
        told = Edge((edge.sequence + self._ahead[edge.clear]) & 0xFFFFFFFF, stamp_ns, edge.clear, edge.missed)
        self._last[edge.clear] = told
        return told
