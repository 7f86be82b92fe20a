# SPDX-License-Identifier: MIT
"""True time in the simulated world, and how an edge at a true instant gets its kernel stamp.

True time is this machine's clock plus a whole date shift and a slow wander of some 20 us, so that there is something to
discipline and yet every client sees an offset far below a millisecond.  Nothing here reads a clock.

An instant of true time counts on through leap seconds ("count", in ns; equal to Unix time before the leap); `label`
says which UTC that is.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from stratum1.timescale import NS_PER_S

_WANDER_NS = ((20_000, 1200), (2_000, 210))
"""Amplitude (ns) and period (s) of the sines that true time makes about the kernel clock: at most 0.2 ppm."""

LEAP_SECONDS = 18
"""GPS - UTC since 2017."""

_RECEIVER_NS = 20.0
"""RMS error of the receiver's own edge besides its quantisation."""
_TICK_PS = 20_833
_BEAT_PS = 2_711
"""A receiver gives pulses at ticks of its own oscillator, 48 MHz and a little off: their error is a sawtooth."""
_LATENCY_NS = 700.0
"""Mean time from the edge to its stamp in the interrupt; never negative, with an exponential tail."""
_BUSY_NS = 9_000.0
_BUSY_SHARE = 0.01
"""One edge in a hundred meets a machine that is busy with interrupts off."""


@dataclass(frozen=True, slots=True)
class Leap:
    at_ns: int
    """Unix time of the first instant after the leap: a midnight UTC."""
    seconds: int
    """+1: 23:59:60 is inserted; -1: 23:59:59 is left out."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a receiver calls a second."""

    unix_s: int
    """POSIX seconds; of 23:59:59 during 23:59:60."""
    is_leap: bool = False
    """Whether this is the inserted second, which a receiver writes as 60."""


class World:
    def __init__(self, shift_ns: int = 0, leap: Leap | None = None, seed: int | None = None) -> None:
        """`shift_ns` is added to the kernel clock; `seed` makes the jitter repeatable."""
        self.shift_ns = shift_ns
        self.leap = leap
        self._random = random.Random(seed)

    def count(self, kernel_ns: int) -> int:
        """True time at a reading of the kernel clock."""
        return kernel_ns + self.shift_ns + _wander(kernel_ns)

    def kernel(self, count_ns: int) -> int:
        """Reading of the kernel clock at a true time; the inverse of `count` to better than 0.1 ns."""
        bare = count_ns - self.shift_ns
        return bare - _wander(bare - _wander(bare))

    def early_ps(self, count_s: int) -> int:
        """By how much the receiver gives the pulse of a second too early, and knows it."""
        return count_s * _BEAT_PS % _TICK_PS - _TICK_PS // 2

    def stamp(self, count_ns: int) -> int:
        """The kernel's stamp of an edge at true time `count_ns`, with the jitter of receiver and interrupt."""
        jitter = self._random.gauss(0.0, _RECEIVER_NS) + self._random.expovariate(1.0 / _LATENCY_NS)
        if self._random.random() < _BUSY_SHARE:
            jitter += self._random.expovariate(1.0 / _BUSY_NS)
        return self.kernel(count_ns) + round(jitter)

    def label(self, count_s: int) -> Label:
        """Which UTC second begins at the true time of `count_s` whole seconds."""
        if self.leap is None:
            return Label(count_s)
        at_s = self.leap.at_ns // NS_PER_S
        if self.leap.seconds > 0:
            if count_s == at_s:
                return Label(at_s - 1, is_leap=True)
            return Label(count_s if count_s < at_s else count_s - 1)
        return Label(count_s if count_s < at_s - 1 else count_s + 1)

    def leap_ahead(self, count_s: int) -> tuple[int, int, int]:
        """At a whole second of true time: (GPS - UTC, the announced change, seconds until it; 0 when there is none)."""
        if self.leap is None:
            return LEAP_SECONDS, 0, 0
        left_s = self.leap.at_ns // NS_PER_S - count_s
        if left_s > (0 if self.leap.seconds > 0 else 1):
            return LEAP_SECONDS, self.leap.seconds, left_s
        over = left_s < 0 if self.leap.seconds > 0 else True
        return LEAP_SECONDS + (self.leap.seconds if over else 0), 0, 0


def _wander(kernel_ns: int) -> int:
    # The remainder is taken of integers: a float of today's nanoseconds is 256 ns coarse.
    return round(
        sum(
            amplitude * math.sin(2.0 * math.pi * (kernel_ns % (period * NS_PER_S)) / (period * NS_PER_S))
            for amplitude, period in _WANDER_NS
        )
    )
