# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t, uint64_t

from stratum1.discipline.holdover cimport Holdover
from stratum1.discipline.latency cimport Latency
from stratum1.discipline.loads cimport Loads
from stratum1.discipline.onset cimport Onset
from stratum1.discipline.servo cimport Servo

cdef enum Outcome:
    PULSE_REFUSED = 0
    PULSE_TAKEN = 1
    PULSE_BELIEVED = 2      # a long run of refused pulses has been right: the offset was moved to theirs
    PULSE_NOTED = 3         # one of the first few, which together set the phase


cdef class Tracker:
    cdef Servo servo
    cdef Servo rival                    # what the clock would be if the refused pulses were right
    cdef Latency latency
    cdef Onset onset
    cdef Holdover holdover
    cdef Loads loads
    cdef bint running                   # the servo has a phase
    cdef int settled                    # pulses taken since the phase was set, saturating
    cdef int returned                   # pulses taken since the last gap, saturating
    cdef int rival_count
    cdef int refusals                   # pulses refused in a row
    cdef double refused                 # how far the last of them was from foretold, ns
    cdef uint64_t accepted, rejected
    cdef int64_t last_good              # stamp of the last pulse taken; 0 = none
    cdef int64_t reference              # UTC of the last pulse taken
    cdef double offset                  # last pulse: served clock minus pulse, ns
    cdef double calm                    # the filter's standard error when nothing happens, ns
    cdef double foretold                # variance of the clock when the last pulse came, ns^2
    cdef double moved                   # by how much the last belief moved the offset, ns
    cdef double doubt                   # what of the bound the last pulses decide: the filter's, and of loads unseen, ns
    cdef double information             # what a pulse tells of the offset, 1/ns^2

    cdef void restart(self) noexcept
    cdef void mistrust(self) noexcept
    cdef void shift(self, int64_t clock_ns, int64_t offset_ns) noexcept
    cdef void begin(self, int64_t stamp_ns, int64_t utc_ns, double frequency, double sigma) noexcept
    cdef int64_t slot(self, int64_t stamp_ns, int rate) noexcept
    cdef Outcome pulse(self, int64_t stamp_ns, int rate, int believe) noexcept
    cdef void advance(self, int64_t kernel_ns) noexcept
    cdef double bound(self, double ahead) noexcept
    cdef double _disowned(self, double age) noexcept
    cdef double time_left(self, double limit) noexcept
    cdef void _cross_gap(self, double gap) noexcept
    cdef void _doubt(self, double seconds, double score) noexcept
    cdef Outcome _begin_with(self, int64_t stamp_ns) noexcept
    cdef Outcome _refuse(self, int64_t stamp_ns, double foretold_wrong, int believe) noexcept
