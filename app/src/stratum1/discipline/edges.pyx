# SPDX-License-Identifier: MIT
"""Which edge is the second, and how many pulses come in one.

Pulses are about 100 ms wide, so the leading edge is the one that the other follows within half a
period, whichever way the wire is connected.  A line that gives R pulses a second, evenly, is
used in full once the seconds are known; before that it is refused, because nothing tells
which of the R pulses is the second's own.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport llabs

cdef int64_t SECOND = 1000000000
cdef int64_t HALF = 450000000           # a pulse narrower than this has a clear leading edge
cdef int64_t EVEN = 2000000             # R even intervals make a second within this: 500 ppm and much jitter
cdef int64_t ODD = 20000000              # farther from whole seconds than any late interrupt: another edge
cdef int64_t CLEAN = 5 * SECOND         # no odd edge for this long before the line is held to be regular
cdef int SURE = 3                       # pulses
cdef int FASTEST = 20                   # pulses per second


cdef class Edges:

    def __cinit__(self):
        self.rate = 1

    cdef bint feed(self, int64_t stamp_ns, bint clear, bint settled) noexcept:
        """An edge; True when it is a leading one and new.  While `settled` the choice of the edge stays."""
        if clear:
            if stamp_ns == self.last_clear:
                return False
            self.last_clear = stamp_ns
            self._vote(self.last_assert, stamp_ns, 1)
        else:
            if stamp_ns == self.last_assert:
                return False
            self.last_assert = stamp_ns
            self._vote(self.last_clear, stamp_ns, -1)
        if not settled:
            self.turned()
        if clear != self.leading_clear:
            return False
        self._time(stamp_ns)
        return True

    cdef bint turned(self) noexcept:
        """Choose the edge anew; True when the choice has changed."""
        cdef bint before = self.leading_clear
        if self.wanted:
            self.leading_clear = self.wanted == 2
        elif self.votes >= SURE or not self.last_clear:
            self.leading_clear = False
        elif self.votes <= -SURE or not self.last_assert:
            self.leading_clear = True
        if before != self.leading_clear:
            self.last_ns = 0
        return before != self.leading_clear

    cdef void _vote(self, int64_t first_ns, int64_t second_ns, int vote) noexcept:
        cdef int64_t width = second_ns - first_ns
        if first_ns == 0 or width <= 0 or width >= SECOND:
            return
        if width < HALF:
            self.votes += vote
        elif width > SECOND - HALF:
            self.votes -= vote
        self.votes = max(-2 * SURE, min(2 * SURE, self.votes))

    cdef void _time(self, int64_t stamp_ns) noexcept:
        """Note the interval since the last leading edge."""
        cdef int64_t interval = stamp_ns - self.last_ns
        cdef int64_t rest
        cdef int rate = 0
        cdef bint first = self.last_ns == 0
        self.last_ns = stamp_ns
        if first or interval <= 0:
            return
        rest = interval % SECOND
        if min(rest, SECOND - rest) > ODD + interval // 2000:
            self.irregular_ns = stamp_ns
        if interval < SECOND + EVEN:
            rate = <int>((SECOND + interval // 2) // interval)
            if rate > FASTEST or llabs(interval * rate - SECOND) > EVEN:
                rate = 0
        if rate == 0 or rate != self.rate_seen:
            self.rate_seen = rate
            self.rate_votes = 0
            return
        self.rate_votes += 1
        if self.rate_votes > 2 * rate:
            self.rate = rate

    cdef bint regular(self, int64_t now_ns) noexcept:
        """Whether the line gives one pulse a second and nothing else."""
        return self.rate == 1 and (self.irregular_ns == 0 or now_ns - self.irregular_ns > CLEAN)

    cdef void shift(self, int64_t delta_ns) noexcept:
        """The clock was stepped: its stamps move along."""
        if self.last_ns:
            self.last_ns += delta_ns
        if self.last_assert:
            self.last_assert += delta_ns
        if self.last_clear:
            self.last_clear += delta_ns
        if self.irregular_ns:
            self.irregular_ns += delta_ns
