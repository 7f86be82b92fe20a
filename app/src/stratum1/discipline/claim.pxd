# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t

from stratum1.discipline.edges cimport Edges
from stratum1.discipline.labels cimport Labels
from stratum1.discipline.leaps cimport Leaps
from stratum1.discipline.sawtooth cimport Sawtooth
from stratum1.discipline.tracker cimport Tracker

cdef enum:
    ACQUIRING = 0
    LOCKED = 1
    HOLDOVER = 2
    UNSYNCHRONISED = 3

cdef enum:
    DISTRUST = 3        # messages in a row that name another second
    SETTLED = 4         # pulses


cdef class Claim:
    cdef object _config
    cdef Tracker _tracker
    cdef Labels _labels
    cdef Edges _edges
    cdef Sawtooth _sawtooth
    cdef int64_t _waiting               # stamp of a pulse that waits for what the receiver says of it; 0 = none

    # settings
    cdef int64_t _delay_ns
    cdef int64_t _bound_limit_ns, _holdover_limit_ns
    cdef bint _by_system
    cdef bint _steers

    # the clocks' last readings
    cdef int64_t _now
    cdef int64_t _monotonic

    # state
    cdef int _state
    cdef object _reason
    cdef object _given_up               # why time was given up last
    cdef int64_t _since
    cdef bint _ever_locked
    cdef bint _second_known             # time was served and given up: its second is still the likeliest

    # messages
    cdef object _messages_reason, _pulses_reason
    cdef int64_t _last_message
    cdef bint _fix, _utc_bad
    cdef int _ambiguous

    cdef Leaps _leaps

    cdef object _temperature
    cdef object _stored
    cdef int _steps
    cdef int _step_asked                # orders to step that the clock has not obeyed yet

    cdef int _needed(self)
    cdef void _restart(self)
    cdef bint _serves(self)
    cdef bint _remembers(self)
    cdef void _enter(self, int state, reason)
    cdef void _give_up(self, reason)
    cdef object _missing(self)
    cdef object _wanting(self)
    cdef bint _at_unknown_leap(self)
    cdef void _decide(self)
    cdef void _decide_served(self, reason)
    cdef int64_t _utc(self)
    cdef int64_t _clock_offset(self)
    cdef bint _wants_step(self)
