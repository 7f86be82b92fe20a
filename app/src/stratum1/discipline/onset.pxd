# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t

cdef enum:
    ONSET = 6           # pulses that set the phase, the frequency and the width of the noise


cdef class Onset:
    cdef int count
    cdef int64_t stamps[ONSET]
    cdef int64_t utcs[ONSET]
    cdef double slope               # ns/s
    cdef double start               # ns, the line's value at the first stamp less that stamp's own offset
    cdef double spread              # standard deviation of the noise, ns, rather too much than too little

    cdef void forget(self) noexcept
    cdef bint add(self, int64_t stamp_ns, int64_t utc_ns) noexcept
    cdef void fit(self, double slope, bint known) noexcept
