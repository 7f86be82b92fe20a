# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t


cdef int64_t possible_leap(int64_t utc_ns) noexcept nogil


cdef class Leaps:
    cdef readonly object kind               # of the leap second that is announced; Leap.NONE
    cdef readonly int64_t at                # the first instant after 23:59:59, UTC ns; 0 = none announced
    cdef readonly bint by_kernel            # the kernel steps its clock at it
    cdef readonly int64_t taken             # the last one that was taken; 0 = none
    cdef int64_t known_until                # of all instants before it is known whether there is a leap, UTC ns
    cdef int64_t crossed                    # the last instant of a possible leap of which our seconds take account
    cdef int64_t agreed                     # UTC at which a message last named our second

    cdef void announce(self, kind, int64_t at_ns, bint by_kernel) noexcept
    cdef bint told(self, int64_t instant) noexcept
    cdef int64_t unknown(self, int64_t utc_ns) noexcept
    cdef void named(self, int64_t utc_ns) noexcept
    cdef bint hides(self, int64_t utc_ns) noexcept
    cdef int64_t crosses(self, int64_t utc_ns, int64_t within_ns) noexcept
    cdef bint is_step(self, int64_t jump_ns, int64_t utc_ns, int64_t within_ns) noexcept
    cdef int64_t due(self, int64_t utc_ns) noexcept
    cdef void take(self) noexcept
    cdef int64_t doubt(self, int64_t utc_ns) noexcept
    cdef bint missed(self, int64_t utc_ns, int64_t seconds, int differing, int distrust) noexcept
