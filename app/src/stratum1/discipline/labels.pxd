# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t

cdef enum:
    DELAYS = 32

cdef enum Verdict:
    LABEL_NONE = 0          # this message says nothing about seconds
    LABEL_AGREES = 1
    LABEL_DIFFERS = 2       # names another second than the one held
    LABEL_AMBIGUOUS = 3     # came too near to the instant where the next pulse would be meant


cdef class Labels:
    cdef readonly int agreeing          # messages in a row that name the same second
    cdef readonly int differing         # messages in a row that name another second than the held one
    cdef readonly int64_t seconds       # what the last message would add to the held seconds
    cdef readonly bint held             # the seconds are established
    cdef readonly int64_t delay_ns      # median delay of a burst after its pulse
    cdef int64_t delays[DELAYS]
    cdef int count

    cdef Verdict feed(self, int64_t late_ns) noexcept
    cdef void hold(self) noexcept
    cdef void forget(self) noexcept
    cdef int needed(self) noexcept
    cdef void _remember(self, int64_t delay_ns) noexcept
