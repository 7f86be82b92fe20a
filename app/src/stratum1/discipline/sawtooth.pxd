# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t

cdef enum:
    TOLD = 4            # values kept


cdef class Sawtooth:
    cdef readonly int side                  # what is taken off: +1 the value as told, -1 its opposite, 0 nothing
    cdef int64_t seconds[TOLD]
    cdef double lates[TOLD]
    cdef int newest
    cdef int64_t last_pulse                 # UTC of the last pulse asked for
    cdef bint lags                          # values come after their pulses
    cdef double carried                     # what the filter has made of the values so far, ns
    cdef double as_told, opposite           # log likelihood ratios to taking off nothing

    cdef void tell(self, int64_t utc_ns, double late_ns) noexcept
    cdef bint find(self, int64_t utc_ns, double *late_ns) noexcept
    cdef bint awaits(self, int64_t utc_ns) noexcept
    cdef void miss(self) noexcept
    cdef void forget(self) noexcept
    cdef void judge(self, double late_ns, double innovation, double foretold, double variance) noexcept
