# SPDX-License-Identifier: MIT
"""An instant as date and time of a zone."""

from __future__ import annotations

import functools
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from stratum1.timescale import NS_PER_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Not strftime's %b: what is shown must not depend on the locale of the process.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Moment:
    time: str
    """14:05:09"""
    date: str
    """2026-11-22"""
    day: str
    """Sunday"""
    long_date: str
    """22 Nov 2026"""
    zone: str
    """UTC, CET, +03"""


@functools.lru_cache(maxsize=8)
def _zone(name: str) -> tzinfo:
    """The zone `name`; UTC when this machine does not know it, which Moment.zone then says."""
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(utc_ns: int, zone: str = "UTC") -> Moment:
    """The second that holds `utc_ns`, cut and never rounded, in `zone` (an IANA name)."""
    local = (_EPOCH + timedelta(seconds=utc_ns // NS_PER_S)).astimezone(_zone(zone))
    return Moment(
        time=f"{local.hour:02d}:{local.minute:02d}:{local.second:02d}",
        date=f"{local.year:04d}-{local.month:02d}-{local.day:02d}",
        day=_DAYS[local.weekday()],
        long_date=f"{local.day} {_MONTHS[local.month - 1]} {local.year}",
        zone=local.tzname() or "UTC",
    )


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a zone is from UTC, and when that changes next."""

    offset_s: int
    next_s: int
    """From `next_utc_s` on."""
    next_utc_s: int | None
    """None when nothing changes within AHEAD_S."""


AHEAD_S = 3600
"""Who shows a clock asks far more often than this."""


def offset(utc_s: int, zone: str) -> Offset:
    """For a clock that steps by itself between two questions, also over the beginning or end of summer time."""
    now = _offset_s(utc_s, zone)
    then = _offset_s(utc_s + AHEAD_S, zone)
    if now == then:
        return Offset(now, now, None)
    low, high = utc_s, utc_s + AHEAD_S
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_s(middle, zone) == now else (low, middle)
    return Offset(now, then, high)


def _offset_s(utc_s: int, zone: str) -> int:
    local = (_EPOCH + timedelta(seconds=utc_s)).astimezone(_zone(zone))
    return int((local.utcoffset() or timedelta()).total_seconds())
