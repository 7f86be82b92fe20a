# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t


cdef class Edges:
    cdef readonly int rate                  # pulses per second
    cdef readonly int64_t last_ns           # stamp of the last leading edge; 0 = none yet
    cdef readonly int64_t irregular_ns      # stamp of the last edge that came at no whole second after the one before
    cdef readonly bint leading_clear        # the clear edge is the second
    cdef int wanted                         # 0 auto, 1 assert, 2 clear
    cdef int64_t last_assert, last_clear
    cdef int votes                          # above 0 for assert
    cdef int rate_seen, rate_votes

    cdef bint feed(self, int64_t stamp_ns, bint clear, bint settled) noexcept
    cdef bint turned(self) noexcept
    cdef bint regular(self, int64_t now_ns) noexcept
    cdef void shift(self, int64_t delta_ns) noexcept
    cdef void _vote(self, int64_t first_ns, int64_t second_ns, int vote) noexcept
    cdef void _time(self, int64_t stamp_ns) noexcept
