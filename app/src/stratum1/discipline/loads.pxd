# SPDX-License-Identifier: MIT

cdef enum:
    ONSETS = 24         # instants at which a load may have begun


cdef class Loads:
    # For each such instant, per ns/s^2 of heating since then:
    cdef double error[ONSETS]           # what the filter's offset lacks, ns
    cdef double drift[ONSETS]           # what its frequency lacks, ns/s
    cdef double push[ONSETS]            # how much of the heating's first speed is left
    cdef double match[ONSETS]           # how far the pulses since then bear it out (score of the ramp) ...
    cdef double weight[ONSETS]          # ... and how much they could (its Fisher information)
    cdef bint open[ONSETS]
    cdef int newest
    cdef double since                   # s since the newest

    cdef void forget(self) noexcept
    cdef void feel(self, double seconds, double score, double information, double gain_x, double gain_y, double ramp) \
        noexcept
    cdef double reach(self, double sigma, double odds, double ramp) noexcept
