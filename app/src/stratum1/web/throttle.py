# SPDX-License-Identifier: MIT
"""Guessing a password gets slower with every failure, for one address and for all of them together."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

FREE = 5
"""Failures that cost nothing."""

LONGEST_S = 300.0
ROWS = 256
EVERYBODY = "*"
EVERYBODY_FREE = 50
EVERYBODY_LONGEST_S = 5.0
"""Together they wait less: who guesses must not be able to lock the owner out."""


def network_of(address: str) -> str:
    """Whom a failure is counted against: the IPv4 address, or the /64 that one IPv6 host commands."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


class Throttle:
    """Instants are seconds of any steady clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Failures in a row, and when the last one was."""

    def wait_s(self, address: str, now: float) -> float:
        """How long this address must not try; 0 when it may."""
        with self._lock:
            return max(
                self._wait(network_of(address), FREE, LONGEST_S, now),
                self._wait(EVERYBODY, EVERYBODY_FREE, EVERYBODY_LONGEST_S, now),
            )

    def failed(self, address: str, now: float) -> None:
        with self._lock:
            for key in (network_of(address), EVERYBODY):
                count, last = self._rows.pop(key, (0, now))
                # An hour of quiet forgives.
                self._rows[key] = (1 if now - last > 3600 else count + 1, now)
            while len(self._rows) > ROWS:
                oldest = next(key for key in self._rows if key != EVERYBODY)
                del self._rows[oldest]

    def succeeded(self, address: str) -> None:
        with self._lock:
            self._rows.pop(network_of(address), None)

    def _wait(self, key: str, free: int, longest_s: float, now: float) -> float:
        count, last = self._rows.get(key, (0, now))
        if count < free:
            return 0.0
        pause: float = min(2.0 ** min(count - free, 20), longest_s)
        return max(0.0, last + pause - now)


class Pace:
    """At most `per_minute` in the long run for each key, and `burst` at once; the oldest of many keys is forgotten."""

    def __init__(self, per_minute: float, burst: int) -> None:
        self._rate = per_minute / 60.0
        self._burst = burst
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left, and when that was."""

    def take(self, key: str, now: float) -> float:
        """0 when it may be done now; else how many seconds to wait."""
        with self._lock:
            left, last = self._rows.pop(key, (float(self._burst), now))
            left = min(self._burst, left + (now - last) * self._rate)
            wait = 0.0 if left >= 1.0 else (1.0 - left) / self._rate
            self._rows[key] = (left if wait else left - 1.0, now)
            while len(self._rows) > ROWS:
                self._rows.popitem(last=False)
            return wait
