# SPDX-License-Identifier: MIT
"""Gathers what pages show: the snapshot every second, the rest seldom."""

from __future__ import annotations

import math

from stratum1.network import own_addresses
from stratum1.panel.pages import ClockPage, World, clock_page
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_S
from stratum1.tracking import TrackingReader
from stratum1.words import describe

_SELDOM_S = 10


class Sources:
    def __init__(self, paths: Paths, reader: TrackingReader) -> None:
        self._paths = paths
        self._reader = reader
        self._addresses: tuple[str, ...] = ()
        self._next = 0

    def page(self, target: int, settings: Settings) -> ClockPage:
        """The page for the second that begins at `target` (served UTC, ns)."""
        return clock_page(self.world(target, settings))

    def world(self, target: int, settings: Settings) -> World:
        second = target // NS_PER_S
        if not 0 < self._next - second <= _SELDOM_S:
            self._next = second + _SELDOM_S
            self._reader.reopen()  # a new timekeeper may have made the page anew
            self._addresses = tuple(item.text for item in own_addresses())
        snapshot, now = self._reader.read(), self._reader.now()
        if snapshot is not None and now is not None:
            rate = snapshot.bound_rate if 0 <= snapshot.bound_rate < 1 else 0.0
            now = (target, now[1] + math.ceil(rate * max(target - now[0], 0)), now[2])
        status = describe(snapshot, now, settings.system.zone)
        return World(status=status, second=second, addresses=self._addresses)
