# SPDX-License-Identifier: MIT
"""Leap seconds: the announced one is taken once; across an instant of which nothing is known no second is claimed.

A leap second comes at the end of June or December, in the second place of March or September (ITU-R TF.460-6).
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport llabs

from stratum1.tracking.snapshot import Leap

cdef int64_t SECOND = 1000000000
cdef int64_t DAY = 86400 * SECOND
cdef int64_t LONGEST_QUARTER = 92 * DAY
cdef int64_t TICK = SECOND // 10        # the kernel takes its leap within a timer's tick or so
cdef int64_t BEFORE = 2 * SECOND        # a snapshot is read until the next one comes
cdef int64_t AFTER = 10 * SECOND
cdef int64_t DOUBT = 1000000            # ns
cdef int64_t FRESH = 5 * SECOND


cdef int64_t _january(int64_t year) noexcept nogil:
    """Days from 1970-01-01 to the first of January (Gregorian, from 1970 on)."""
    return 365 * (year - 1970) + (year - 1969) // 4 - (year - 1901) // 100 + (year - 1601) // 400


cdef int64_t possible_leap(int64_t utc_ns) noexcept nogil:
    """The last start of a quarter of a year (UTC ns) that is not after `utc_ns`; 0 before 1970."""
    cdef int64_t days = utc_ns // DAY
    cdef int64_t year, next_january
    if utc_ns < 0:
        return 0
    year = 1970 + days // 366
    while _january(year + 1) <= days:
        year += 1
    next_january = _january(year + 1)
    if days >= next_january - 92:
        return DAY * (next_january - 92)
    if days >= next_january - 184:
        return DAY * (next_january - 184)
    if days >= next_january - 275:
        return DAY * (next_january - 275)
    return DAY * _january(year)


cdef class Leaps:

    def __cinit__(self):
        self.kind = Leap.NONE

    cdef void announce(self, kind, int64_t at_ns, bint by_kernel) noexcept:
        """`at_ns` 0 takes an announcement back."""
        self.kind = kind if at_ns else Leap.NONE
        self.at = at_ns
        self.by_kernel = by_kernel

    cdef bint told(self, int64_t instant) noexcept:
        """Whether it is known what happens at `instant`: nothing, or the announced leap."""
        return instant < self.known_until or instant == self.at or instant == self.taken

    cdef int64_t unknown(self, int64_t utc_ns) noexcept:
        """The next instant (UTC ns) at which there may be a leap; 0 when it is told."""
        cdef int64_t instant = possible_leap(possible_leap(utc_ns) + LONGEST_QUARTER)
        return 0 if self.told(instant) else instant

    cdef void named(self, int64_t utc_ns) noexcept:
        """The seconds were established at `utc_ns`, by whoever knows of all leaps up to then."""
        self.crossed = possible_leap(utc_ns + SECOND)

    cdef bint hides(self, int64_t utc_ns) noexcept:
        """Whether a message that names this second may be from the other side of a leap that nobody told of."""
        cdef int64_t instant = possible_leap(utc_ns + SECOND)
        return utc_ns < instant + SECOND and not self.told(instant)

    cdef int64_t crosses(self, int64_t utc_ns, int64_t within_ns) noexcept:
        """The instant (UTC ns) of a possible leap that we come to, or have passed, without anything told; 0 = none.

        A second left out (none ever was) would make it come a second early, hence so long before it.
        """
        cdef int64_t instant = possible_leap(utc_ns + SECOND + within_ns)
        if instant <= self.crossed:
            return 0
        if self.told(instant):
            self.crossed = instant
            return 0
        return instant

    cdef bint is_step(self, int64_t jump_ns, int64_t utc_ns, int64_t within_ns) noexcept:
        """Whether a jump of the kernel clock, at `utc_ns` as counted before it, is the leap that the kernel takes."""
        cdef int64_t leap = -SECOND if self.kind == Leap.INSERT else SECOND
        if not self.at or not self.by_kernel or llabs(jump_ns - leap) > within_ns:
            return False
        return -SECOND <= utc_ns - self.at <= 5 * SECOND

    cdef int64_t due(self, int64_t utc_ns) noexcept:
        """What is to be added to the clock's offset (ns) now: the leap, once UTC has passed it and no kernel took it."""
        if not self.at:
            return 0
        if self.kind == Leap.DELETE:
            utc_ns += SECOND
        if utc_ns < self.at + (TICK if self.by_kernel else 0):
            return 0
        return SECOND if self.kind == Leap.INSERT else -SECOND

    cdef void take(self) noexcept:
        self.taken = self.at
        self.announce(Leap.NONE, 0, self.by_kernel)

    cdef int64_t doubt(self, int64_t utc_ns) noexcept:
        """What the error bound is raised by (ns) across an announced leap, which hardly anyone ever rehearsed."""
        if self.at and utc_ns >= self.at - BEFORE:
            return DOUBT
        return DOUBT if self.taken and -BEFORE <= utc_ns - self.taken <= AFTER else 0

    cdef bint missed(self, int64_t utc_ns, int64_t seconds, int differing, int distrust) noexcept:
        """Whether the receiver, `differing` messages in a row by `seconds`, may have taken a leap that we have not.

        Since the last instant at which there may have been one, no message has agreed with us.
        Right at it the first that differs is enough, unless an announced leap has just been taken.
        """
        cdef int64_t instant = possible_leap(utc_ns + BEFORE)
        if differing == 0 or llabs(seconds) != 1 or self.agreed >= instant + SECOND:
            return False
        return differing >= distrust or (self.taken != instant and self.at != instant and utc_ns < instant + FRESH)
