# SPDX-License-Identifier: MIT
"""Quantities as a person reads them: at most three digits and a unit.

All arithmetic is on integers, so that a text never depends on the rounding of a double.
"""

from __future__ import annotations

from stratum1.timescale import NS_PER_MS, NS_PER_S, NS_PER_US

_UNITS = ((NS_PER_US, "µs"), (NS_PER_MS, "ms"), (NS_PER_S, "s"))


def format_seconds(ns: int, *, up: bool = False, signed: bool = False) -> str:
    """A small span: "130 ns", "1.3 µs", "42 ms", "4.2 s"; from 100 s on as format_duration.

    `up` rounds away from zero, for a bound that must not look better than it is; `signed` puts a + in front
    of what is positive.
    """
    size = abs(ns)
    sign = "-" if ns < 0 else "+" if signed and ns > 0 else ""
    if size < NS_PER_US:
        return f"{sign}{size} ns"
    for unit, name in _UNITS:
        rest = unit - 1 if up else unit // 2
        tenths = (size * 10 + rest) // unit
        if tenths < 100:
            return f"{sign}{tenths // 10}.{tenths % 10} {name}"
        whole = (size + rest) // unit
        if whole < (100 if name == "s" else 1000):
            return f"{sign}{whole} {name}"
    return sign + format_duration(size)


def format_bound(ns: int) -> str:
    """An error bound with its sign, rounded up: "±1.3 µs"; "±?" when it says nothing any more (a day or more)."""
    return "±?" if ns >= 86_400 * NS_PER_S or ns < 0 else "±" + format_seconds(ns, up=True)


def format_duration(ns: int) -> str:
    """A span that people wait for, cut to whole units: "45 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    seconds = max(ns, 0) // NS_PER_S
    if seconds < 100:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if minutes < 100:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    if days < 100:
        return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
    return f"{days} d"


def format_ppm(rate: float) -> str:
    """A frequency (s/s) as parts per million with its sign: "+1.234 ppm"; "-" when it is no number."""
    ppm = rate * 1e6
    if ppm != ppm or abs(ppm) >= 1e6:
        return "-"
    return f"{ppm:+.{3 if abs(ppm) < 100 else 0}f} ppm"
