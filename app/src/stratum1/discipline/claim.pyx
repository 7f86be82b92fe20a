# SPDX-License-Identifier: MIT
"""What may be claimed of the time: the states, what leads from one to another, and why."""

from libc.math cimport llround
from libc.stdint cimport int64_t
from libc.stdlib cimport llabs

from stratum1.discipline.edges cimport Edges
from stratum1.discipline.labels cimport Labels
from stratum1.discipline.leaps cimport Leaps
from stratum1.discipline.sawtooth cimport Sawtooth
from stratum1.discipline.tracker cimport Tracker

from stratum1.tracking.snapshot import Reason

cdef int64_t SECOND = 1000000000
cdef int64_t PULSES_GONE = 3 * SECOND          # loss policy: no good pulse for longer than this
cdef int64_t MESSAGES_GONE = 5 * SECOND
cdef int CONVINCED = 600                       # until another second than the one served is believed
cdef int RETURNED = 3                          # good pulses in a row that end a holdover, and that any lock wants
cdef double SETTLED_BOUND = 2e6                # ns: first lock is no worse
cdef double LEAST_STEP = 1000.0                # ns: less is slewed
cdef int64_t SYSTEM_LEAPS = 10 * SECOND        # so long after an instant the system clock has taken its leap
cdef int STEP_TRIES = 3                        # a clock that does not obey is left alone

LOST = {
    Reason.NO_PULSE: Reason.PULSE_LOST,
    Reason.NO_FIX: Reason.FIX_LOST,
    Reason.NO_MESSAGES: Reason.MESSAGES_LOST,
}


cdef class Claim:
    """All that the discipline knows, and the state that follows; what brings it in is in discipline.pyx."""

    def __cinit__(self):
        self._tracker = Tracker()
        self._labels = Labels()
        self._edges = Edges()
        self._sawtooth = Sawtooth()
        self._leaps = Leaps()
        self._state = ACQUIRING
        self._reason = Reason.STARTING
        self._messages_reason = Reason.NO_MESSAGES
        self._pulses_reason = Reason.NO_PULSE

    cdef int _needed(self):
        """How many messages in a row must agree: many when they name another second than was served."""
        if self._second_known and self._labels.seconds != 0:
            return CONVINCED
        return self._labels.needed()

    cdef void _restart(self):
        """Forget the phase and the seconds; the frequency stays."""
        self._waiting = 0
        self._tracker.restart()
        self._labels.forget()

    cdef bint _serves(self):
        return self._state == LOCKED or self._state == HOLDOVER

    cdef bint _remembers(self):
        """Whether the phase is one that was served, if need be by the clock's reading before a step."""
        return self._serves() or (
            self._state == UNSYNCHRONISED and self._given_up in (Reason.CLOCK_STEPPED, Reason.LEAP_UNKNOWN)
        )

    cdef void _enter(self, int state, reason):
        if state != self._state:
            self._since = self._now
        self._state = state
        self._reason = reason

    cdef void _give_up(self, reason):
        self._second_known = self._labels.held and not self._by_system
        self._enter(UNSYNCHRONISED, reason)
        self._given_up = reason
        if not self._by_system:
            self._labels.forget()

    cdef object _missing(self):
        """What does not come from the receiver now; None when all comes."""
        if not self._by_system:
            if self._messages_reason is not None:
                return self._messages_reason
            if self._now - self._last_message > MESSAGES_GONE:
                return Reason.NO_MESSAGES
            if not self._fix:
                return Reason.NO_FIX
            if self._utc_bad:
                return Reason.UTC_UNVERIFIED
            if self._labels.differing >= DISTRUST:
                return Reason.LABELS_DISAGREE
        if self._pulses_reason is not None:
            return self._pulses_reason
        if self._now - self._edges.last_ns > PULSES_GONE:
            return Reason.NO_PULSE
        if self._tracker.running and self._now - self._tracker.last_good > PULSES_GONE:
            return Reason.PULSE_OUTLIERS
        return None

    cdef object _wanting(self):
        """What is still wanted before a lock, all being there; None when nothing."""
        if not self._edges.regular(self._now) and not self._second_known:
            return Reason.PULSE_NOT_1HZ
        if not self._labels.held:
            if self._ambiguous >= DISTRUST:
                return Reason.LABELS_AMBIGUOUS
            if self._second_known and self._labels.seconds != 0:
                return Reason.LABELS_DISAGREE
            return Reason.SETTLING
        if self._tracker.returned < RETURNED or self._tracker.settled < SETTLED:
            return Reason.SETTLING
        if self._tracker.bound(0.0) > min(SETTLED_BOUND, self._bound_limit_ns / 2.0):
            return Reason.SETTLING
        return None

    cdef bint _at_unknown_leap(self):
        """Whether there may be, or have been, a leap that nobody told us of and that our seconds do not count."""
        cdef int64_t utc, instant
        if not self._labels.held and not self._second_known:
            return False
        utc = self._utc()
        instant = self._leaps.crosses(utc, self._bound_limit_ns)
        if instant and self._by_system and utc >= instant + SYSTEM_LEAPS:
            self._leaps.named(utc)
            return False
        return instant != 0

    cdef void _decide(self):
        if self._at_unknown_leap():
            if self._serves():
                self._give_up(Reason.LEAP_UNKNOWN)
            self._second_known = False
            if not self._by_system:
                self._labels.forget()
            else:
                self._reason = Reason.LEAP_UNKNOWN
                return
        reason = self._missing()
        if self._serves():
            self._decide_served(reason)
            return
        if reason is not None and self._state == UNSYNCHRONISED:
            self._reason = self._given_up
            return
        if reason is None or reason == Reason.PULSE_OUTLIERS:
            reason = self._wanting() or reason
        if reason is None and self._wants_step():
            self._step_asked += 1
            reason = Reason.SETTLING
        if reason is None:
            self._ever_locked = True
            self._step_asked = 0
            self._enter(LOCKED, Reason.TRACKING)
        elif self._state == UNSYNCHRONISED and reason == Reason.SETTLING:
            self._reason = self._given_up
        else:
            self._reason = reason

    cdef void _decide_served(self, reason):
        if self._tracker.bound(0.0) > self._bound_limit_ns:
            self._give_up(Reason.BOUND_EXCEEDED)
        elif self._state == HOLDOVER and self._now - self._since > self._holdover_limit_ns:
            self._give_up(Reason.HOLDOVER_EXPIRED)
        elif self._leaps.missed(self._utc(), self._labels.seconds, self._labels.differing, DISTRUST):
            self._give_up(Reason.LABELS_DISAGREE)
        elif self._labels.differing >= CONVINCED:
            self._give_up(Reason.LABELS_DISAGREE)
            self._second_known = False
        elif reason is not None:
            self._tracker.returned = 0
            self._enter(HOLDOVER, LOST.get(reason, reason))
        elif self._state == HOLDOVER and self._tracker.returned >= RETURNED:
            self._enter(LOCKED, Reason.TRACKING)

    cdef int64_t _utc(self):
        return self._tracker.servo.utc(self._now)

    cdef int64_t _clock_offset(self):
        return self._tracker.servo.whole_ns + llround(self._tracker.servo.offset(self._now))

    cdef bint _wants_step(self):
        """The kernel clock is moved before the first lock, back when someone else moved it, and by a leap met unawares.

        When nobody obeys (no permission), the correction carries it all.
        """
        if not self._steers or self._step_asked >= STEP_TRIES:
            return False
        if self._ever_locked and self._given_up == Reason.LEAP_UNKNOWN:
            return llabs(self._clock_offset()) > SECOND // 2     # the leap, and nothing but the leap
        if self._ever_locked and self._given_up != Reason.CLOCK_STEPPED:
            return False
        return llabs(self._clock_offset()) > max(LEAST_STEP, 5.0 * self._tracker.latency.spread())
