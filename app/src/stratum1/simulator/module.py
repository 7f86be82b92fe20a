# SPDX-License-Identifier: MIT
"""The receiver on the hat: from power-on over the search to a fix, and what it then believes."""

from __future__ import annotations

from stratum1.simulator.faults import Faults
from stratum1.simulator.nmea import Moment
from stratum1.simulator.sky import satellites
from stratum1.simulator.world import Label, World
from stratum1.timescale import GPS_ROLLOVER_NS, NS_PER_S

_DARK_S = 1.0
"""After power-on nothing is received at all for so long."""
_FLAT_S = 2.0
"""A 2D fix becomes a 3D one after so long."""
_RECOVER_S = 2.0
"""A receiver that still knows date and orbits finds its fix again in this time."""

_MISSING_LEAPS_S = 3


class Module:
    """`search_s`: how long a cold receiver searches for its first fix."""

    def __init__(self, world: World, search_s: float = 4.0) -> None:
        self._world = world
        self._search_s = search_s
        self._on_s: float | None = None
        self._signal_s: float | None = None
        self._knows_time = False

    def power(self, on: bool, count_s: float) -> None:
        """Without power everything is forgotten."""
        if not on:
            self._on_s = self._signal_s = None
            self._knows_time = False
        elif self._on_s is None:
            self._on_s = count_s

    def epoch(self, count_s: int, faults: Faults, centiseconds: int = 0) -> Moment:
        """What the receiver tells of the epoch at true time `count_s` whole seconds (and `centiseconds`)."""
        mode, share = self._fix(count_s + centiseconds / 100.0, faults)
        self._knows_time = self._knows_time or mode >= 2
        label = self._world.label(count_s + faults.wrong_second) if self._knows_time else None
        sky = satellites(count_s, share) if share > 0.0 else []
        if label is not None and faults.rollover:
            label = Label(label.unix_s - GPS_ROLLOVER_NS // NS_PER_S, label.is_leap)
        leap_seconds, change, left_s = self._world.leap_ahead(count_s)
        if faults.no_leap:
            # The firmware is older than the last leap seconds, so its UTC is ahead by them.
            leap_seconds, change, left_s = leap_seconds - _MISSING_LEAPS_S, 0, 0
            if label is not None:
                label = Label(label.unix_s + _MISSING_LEAPS_S, label.is_leap)
        return Moment(
            label,
            mode,
            sky,
            centiseconds,
            leap_seconds,
            not faults.no_leap,
            change,
            left_s,
            self._world.early_ps(count_s + 1),
            faults.forged,
        )

    @property
    def pulses(self) -> bool:
        """A pulse is made from the first fix on, and goes on from the receiver's own clock without one."""
        return self._knows_time

    def _fix(self, now_s: float, faults: Faults) -> tuple[int, float]:
        """(fix mode, share of the sky that is received)."""
        if self._on_s is None or faults.no_antenna:
            self._signal_s = None
            return 1, 0.0
        if self._signal_s is None:
            self._signal_s = now_s
        listened = now_s - self._signal_s
        needed = _RECOVER_S if self._knows_time else self._search_s
        if faults.no_fix:
            return 1, 0.3
        if listened < min(_DARK_S, needed / 2):
            return 1, 0.0
        if listened < needed:
            return 1, 0.4 * listened / needed
        return (2, 0.5) if listened < needed + _FLAT_S else (3, 1.0)
