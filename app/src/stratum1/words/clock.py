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
