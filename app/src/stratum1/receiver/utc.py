# SPDX-License-Identifier: MIT
"""Whether a receiver's date and second may be believed: rollover, plausible dates, leap-second data.

The GPS signal counts weeks modulo 1024 (IS-GPS-200, 20.3.3.3.1.1); firmware past its own pivot then tells a date that
is a multiple of 1024 weeks, about 19.6 years, in the past. GPS time has no leap seconds: until a receiver has heard
subframe 4 page 18, which comes once in 12.5 minutes, it uses what its firmware was built with.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from stratum1.timescale import GPS_ROLLOVER_NS, NS_PER_S

RELEASED_NS = 1_793_491_200 * NS_PER_S
"""2026-11-01: no honest receiver tells an earlier date to this release. Raised with every release."""

TAI_MINUS_GPS_S = 19
"""IS-GPS-200: GPS time had this offset at its epoch and keeps it."""

ALMANAC_NS = 750 * NS_PER_S
"""The whole navigation message, 25 frames of 30 s."""

LEAPS_KNOWN_AHEAD_NS = 7 * 86_400 * NS_PER_S
"""Satellites announce a leap second months before it; a word that there is none is good for this long."""

COLD_SEARCH_NS = 8 * NS_PER_S
"""A receiver that was heard searching for longer than this before its first fix had lost its memory, leap seconds
included: one that kept it finds its fix within seconds."""

_SLACK_NS = 86_400 * NS_PER_S
"""How far before the last known date a receiver may still be believed: a day, the rhythm of storing dates."""

_OWN_DATE_NS = 4 * 86_400 * NS_PER_S
"""A receiver that tells weeks is taken to mean their middle."""

_LEAST_LEAP_SECONDS = 17
"""GPS - UTC has been 18 since 2017; a first negative leap second is thought possible, two are not."""

_CORRECTED_WITHIN_NS = 400 * 86_400 * NS_PER_S
_VOUCHED_WITHIN_NS = 260 * 7 * 86_400 * NS_PER_S
"""A corrected date must come out within 400 days of what is known, else it is as likely a replay or plain wrong; within
five years where the leap seconds that the receiver has from the satellites are of our time too."""


@dataclass(frozen=True, slots=True)
class DatedTime:
    utc_ns: int
    rollovers: int
    plausible: bool


def unmoved(told_ns: int, own_date_ns: int) -> int:
    """What the receiver itself told, where gpsd tells `told_ns` and the receiver's own date is about `own_date_ns`.

    gpsd moves dates before 2017 by 1024 weeks and says nothing of it: a recording of 2015 would pass for 2034.
    """
    times = round((told_ns - own_date_ns) / GPS_ROLLOVER_NS)
    rest = told_ns - own_date_ns - times * GPS_ROLLOVER_NS
    return told_ns - times * GPS_ROLLOVER_NS if abs(rest) <= _OWN_DATE_NS else told_ns


def resolve_date(utc_ns: int, known_past_ns: int = RELEASED_NS, leap_seconds: int | None = None) -> DatedTime:
    """What a receiver's `utc_ns` means when `known_past_ns` (build date or last good date, the later) is surely past.

    A date after it and within 1024 weeks stands as it is. An earlier one is moved up by whole 1024 weeks, to the first
    date not before `known_past_ns`, and believed if that is within 400 days of it, or five years with `leap_seconds`
    (GPS - UTC as received, None = not). The rest is not plausible, and is given back as it came; so is every date with
    leap seconds as they were in force before mid-2015.
    """
    if leap_seconds is not None and leap_seconds < _LEAST_LEAP_SECONDS and known_past_ns >= RELEASED_NS:
        return DatedTime(utc_ns, 0, False)
    earliest = known_past_ns - _SLACK_NS
    if earliest <= utc_ns < earliest + GPS_ROLLOVER_NS:
        return DatedTime(utc_ns, 0, True)
    if utc_ns < earliest:
        rollovers = -((utc_ns - earliest) // GPS_ROLLOVER_NS)
        moved = utc_ns + rollovers * GPS_ROLLOVER_NS
        within = _CORRECTED_WITHIN_NS if leap_seconds is None else _VOUCHED_WITHIN_NS
        if moved <= known_past_ns + within:
            return DatedTime(moved, rollovers, True)
    return DatedTime(utc_ns, 0, False)


def leap_seconds_plausible(leap_seconds: int) -> bool:
    """Whether GPS - UTC can be `leap_seconds`: 18 since 2017, and it has not moved by more than one a year."""
    return 10 <= leap_seconds <= 30


class UtcWatch:
    """Follows one receiver's leap-second data; feed every epoch in turn, those without a fix too."""

    def __init__(self) -> None:
        self._fix_since_ns: int | None = None
        self._last_ns = 0
        self._known: int | None = None
        self._denied = False
        self._tells = False
        self._resolved: bool | None = None
        self._first_ns: int | None = None
        self._had_fix = False
        self._cold = False

    def restart(self) -> None:
        """Another receiver, or the same one after a loss of power: what the last one knew is no evidence."""
        self.__init__()  # type: ignore[misc]

    def reconnected(self) -> None:
        """The same receiver most likely, read anew: a cold one stays cold, but what it said it has to say again."""
        self._known, self._denied, self._resolved, self._tells = None, False, None, False

    def tells(self) -> None:
        """The receiver's dialect carries leap-second validity, so its silence means 'not known yet'."""
        self._tells = True

    def leap_seconds(self, value: int | None) -> None:
        """The receiver says GPS - UTC is `value`, validly; None: it says that it does not know, which outweighs all."""
        self._tells = True
        self._known = value if value is not None and leap_seconds_plausible(value) else None
        self._denied = self._known is None

    def resolved(self, resolved: bool) -> None:
        """The receiver says whether it vouches for the second; False outweighs all else."""
        self._tells = True
        self._resolved = resolved

    def epoch(self, arrival_ns: int, fix_mode: int) -> tuple[bool | None, int | None, int]:
        """(utc_valid, leap_seconds, fix_age_ns) as in events.Epoch."""
        # A clock step or a hole of 5 s breaks the count: the receiver may have been off meanwhile.
        unbroken = 0 <= arrival_ns - self._last_ns < 5 * NS_PER_S
        self._last_ns = arrival_ns
        if self._first_ns is None:
            self._first_ns = arrival_ns
        if fix_mode >= 2 and not self._had_fix:
            self._had_fix = True
            self._cold = arrival_ns - self._first_ns > COLD_SEARCH_NS
        if fix_mode < 2:
            self._fix_since_ns = None
        elif self._fix_since_ns is None or not unbroken:
            self._fix_since_ns = arrival_ns
        age = arrival_ns - self._fix_since_ns if self._fix_since_ns is not None else 0
        return self._verdict(age), self._known, age

    def _verdict(self, fix_age_ns: int) -> bool | None:
        if self._denied or self._resolved is False:
            return False
        if self._known is not None or self._resolved:
            return True
        # Past one whole almanac the question is settled, also for those who never say so.
        if fix_age_ns >= ALMANAC_NS:
            self._cold = False
            return None
        return False if self._tells or self._cold else None


def leap_instant(utc_ns: int, seconds_left: int) -> int | None:
    """The first instant after a leap that is `seconds_left` after `utc_ns`; None when no leap can be then.

    Leaps are at the end of a month in UTC (ITU-R TF.460-6); a receiver's count may be off by the leap itself.
    """
    day_ns = 86_400 * NS_PER_S
    about = utc_ns + seconds_left * NS_PER_S
    midnight = (about + day_ns // 2) // day_ns * day_ns
    return midnight if abs(about - midnight) <= 3 * NS_PER_S and month_begins(midnight) else None


def month_begins(midnight_ns: int) -> bool:
    """Whether this midnight (UTC ns) is the first of a month's."""
    return time.gmtime(midnight_ns // NS_PER_S).tm_mday == 1


def quarter_near(utc_ns: int) -> int:
    """The midnight (UTC ns) nearest to `utc_ns`, if it begins a quarter of a year, where leaps are; else 0."""
    day_ns = 86_400 * NS_PER_S
    midnight = (utc_ns + day_ns // 2) // day_ns * day_ns
    date = time.gmtime(midnight // NS_PER_S)
    return midnight if date.tm_mday == 1 and date.tm_mon % 3 == 1 else 0
