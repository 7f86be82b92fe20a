# SPDX-License-Identifier: MIT
"""Which second is this edge?

A receiver names the second of a pulse in a burst that begins after the pulse.  With the
fraction of the second known from the pulses, the arrival of a burst leaves whole seconds to be
told, and is ambiguous only near the instant where "late for this pulse" turns into "early for
the next".  The seconds are held once enough messages in a row agree; from then on no message
moves them, it can only agree or differ.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport qsort
from libc.string cimport memmove

cdef int64_t SECOND = 1000000000
cdef int64_t CUT = 920000000             # a burst this late belongs to the next pulse (80 ms early)
cdef int64_t MARGIN = 100000000          # nearer to the cut than this it tells nothing
cdef int64_t WANDER = 600000000          # against a held second: farther from the usual delay is another second
cdef int64_t SPREAD = 150000000          # a delay that varies more than this needs the longer agreement
cdef int NEEDED = 6
cdef int NEEDED_WANDERING = 24


cdef int _ascending(const void *a, const void *b) noexcept nogil:
    cdef int64_t left = (<int64_t *>a)[0]
    cdef int64_t right = (<int64_t *>b)[0]
    return (left > right) - (left < right)


cdef class Labels:

    def __cinit__(self):
        self.forget()

    cdef void forget(self) noexcept:
        """Nothing is known of the seconds any more."""
        self.agreeing = 0
        self.differing = 0
        self.seconds = 0
        self.held = False
        self.count = 0
        self.delay_ns = 0

    cdef void hold(self) noexcept:
        """The seconds are now counted as the last messages agreed."""
        self.held = True
        self.differing = 0
        self.seconds = 0

    cdef int needed(self) noexcept:
        cdef int i
        cdef int64_t low, high
        if self.count < 2:
            return NEEDED
        low = high = self.delays[0]
        for i in range(1, self.count):
            low = min(low, self.delays[i])
            high = max(high, self.delays[i])
        return NEEDED if high - low <= SPREAD else NEEDED_WANDERING

    cdef void _remember(self, int64_t delay_ns) noexcept:
        cdef int64_t ordered[DELAYS]
        cdef int i
        if self.count == DELAYS:
            memmove(&self.delays[0], &self.delays[1], (DELAYS - 1) * sizeof(int64_t))
            self.count -= 1
        self.delays[self.count] = delay_ns
        self.count += 1
        for i in range(self.count):
            ordered[i] = self.delays[i]
        qsort(&ordered[0], self.count, sizeof(int64_t), _ascending)
        self.delay_ns = ordered[self.count // 2]

    cdef Verdict feed(self, int64_t late_ns) noexcept:
        """A burst began `late_ns` after the second that it names, by the seconds counted so far."""
        cdef int64_t seconds, delay, usual
        if self.held:
            # The delay may wander as it likes: only a leap of about a second is another second.
            usual = late_ns - self.delay_ns
            if -WANDER < usual < WANDER:
                self._remember(late_ns)
                self.differing = 0
                self.agreeing += 1
                return LABEL_AGREES
            self.agreeing = 0
            seconds = (usual + (SECOND // 2 if usual > 0 else -(SECOND // 2))) // SECOND
            self.differing = self.differing + 1 if seconds == self.seconds else 1
            self.seconds = seconds
            return LABEL_DIFFERS
        seconds = (late_ns + SECOND - CUT) // SECOND
        if late_ns + SECOND - CUT < 0 and seconds * SECOND != late_ns + SECOND - CUT:
            seconds -= 1
        delay = late_ns - seconds * SECOND
        self._remember(delay)
        if delay > CUT - MARGIN or delay < CUT - SECOND + MARGIN:
            self.agreeing = 0
            return LABEL_AMBIGUOUS
        if self.agreeing > 0 and seconds != self.seconds:
            self.agreeing = 1
            self.seconds = seconds
            return LABEL_DIFFERS
        self.seconds = seconds
        self.agreeing += 1
        return LABEL_AGREES
