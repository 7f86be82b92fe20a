# SPDX-License-Identifier: MIT
"""Instants as integers: Unix nanoseconds, NTP timestamps, eras.

No instant is ever a float.  The formulas stand once, in timescale.pxd, where the
compiled rooms take them from; here they get their Python names.
"""

import calendar
import time
from libc.stdint cimport int64_t, uint64_t

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000
NTP_UNIX_OFFSET_S = NTP_UNIX_SECONDS

ERA_1_NS = 2_085_978_496 * NS_PER_S
"""2036-02-07T06:28:16 UTC, the first instant of NTP era 1 (RFC 5905 section 6)."""

GPS_EPOCH_NS = 315_964_800 * NS_PER_S
"""1980-01-06T00:00:00 UTC (IS-GPS-200)."""

GPS_ROLLOVER_NS = 1024 * 7 * 86_400 * NS_PER_S
"""1024 weeks, after which the broadcast GPS week number repeats (IS-GPS-200)."""


def ntp_timestamp(ns: int) -> int:
    """Unix nanoseconds to a 64-bit NTP timestamp (32.32, modulo the era), rounded down."""
    return ntp_from_ns(<int64_t>ns)


def from_ntp_timestamp(stamp: int, pivot_ns: int) -> int:
    """64-bit NTP timestamp to Unix nanoseconds, in the era that puts it nearest to `pivot_ns`."""
    return ns_from_ntp(<uint64_t>stamp, <int64_t>pivot_ns)


def ntp_short(ns: int) -> int:
    """Nanoseconds to NTP short format (16.16 s), rounded up and saturating; for root delay and dispersion."""
    return short_from_ns(<int64_t>ns)


def split_ns(ns: int) -> tuple[int, int]:
    """(seconds, nanoseconds) with 0 <= nanoseconds < 10**9, also before 1970."""
    return divmod(ns, NS_PER_S)


def iso_utc(ns: int, digits: int = 0) -> str:
    """`ns` as 2026-11-22T12:49:36Z, with `digits` (0..9) decimals, cut and never rounded up."""
    seconds, fraction = divmod(ns, NS_PER_S)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if digits:
        text += "." + f"{fraction:09d}"[:digits]
    return text + "Z"


def parse_iso_utc(text: str) -> int:
    """The inverse of iso_utc for any number of decimals; ValueError names what is wrong.

    A 60th second (a leap second) is the POSIX second that follows it.
    """
    if not text.endswith("Z"):
        raise ValueError(f"{text!r}: not UTC, want a time that ends in Z")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        raise ValueError(f"{text!r}: bad decimals")
    try:
        # strptime accepts :60 and :61; timegm folds them into the next minute.
        seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        raise ValueError(f"{text!r}: want YYYY-MM-DDThh:mm:ss[.fff]Z") from None
    return seconds * NS_PER_S + int((fraction + "000000000")[:9])
