# SPDX-License-Identifier: MIT
"""What a receiver says of each pulse's own error, and whether that is true.

A receiver can give a pulse only at a tick of its own oscillator, so pulses come up to half a tick early or late
in a sawtooth that may stand still for minutes (a "hanging bridge"); timing receivers tell that error pulse by pulse.
Receivers and their drivers differ in its sign and in whether it is meant for the pulse before or
the one after, so the values are held against the pulses first: they are taken off, as told or with the
opposite sign, only while the pulses are likelier that way.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t

cdef double MOST_LATE = 1000.0      # ns: no receiver's tick is longer
cdef double BELIEVED = 10.0         # log likelihood ratio at which the values are taken off
cdef double SATURATED = 12.0
cdef double RELUCTANT = 10.0
cdef double WILD = 4.0              # standard deviations


cdef class Sawtooth:

    def __cinit__(self):
        self.forget()

    cdef void forget(self) noexcept:
        """The seconds are counted anew, or another receiver speaks."""
        cdef int i
        for i in range(TOLD):
            self.seconds[i] = 0
        self.last_pulse = 0
        self.lags = False
        self.side = 0
        self.carried = self.as_told = self.opposite = 0.0

    cdef void tell(self, int64_t utc_ns, double late_ns) noexcept:
        """The pulse of the second `utc_ns` is given `late_ns` after it, says the receiver."""
        if not fabs(late_ns) <= MOST_LATE:
            return
        self.lags = utc_ns == self.last_pulse
        self.newest = (self.newest + 1) % TOLD
        self.seconds[self.newest] = utc_ns
        self.lates[self.newest] = late_ns

    cdef bint find(self, int64_t utc_ns, double *late_ns) noexcept:
        """What was told of the pulse of `utc_ns`; False when nothing was."""
        cdef int i
        self.last_pulse = utc_ns
        for i in range(TOLD):
            if self.seconds[i] == utc_ns:
                late_ns[0] = self.lates[i]
                return True
        return False

    cdef bint awaits(self, int64_t utc_ns) noexcept:
        """Whether the value of this pulse has not come yet and is likely to."""
        cdef double late
        return self.lags and not self.find(utc_ns, &late)

    cdef void miss(self) noexcept:
        """A value that was waited for has not come: no more waiting until one comes late again."""
        self.lags = False

    cdef void judge(self, double late_ns, double innovation, double foretold, double variance) noexcept:
        """Hold a value against its pulse: innovation (ns) with `side` taken off, variances of clock and noise, ns^2."""
        cdef double total = foretold + variance
        cdef double most = WILD * sqrt(total)
        # The part of the value that the filter has not followed as if it were the clock's.
        cdef double fresh = late_ns - self.carried
        cdef double untaken
        self.carried += foretold / total * fresh
        untaken = max(-most, min(most, innovation)) + self.side * fresh
        self.as_told += 0.5 * fresh * (2.0 * untaken - fresh) / total
        self.opposite -= 0.5 * fresh * (2.0 * untaken + fresh) / total
        self.as_told = max(-RELUCTANT, min(SATURATED, self.as_told))
        self.opposite = max(-RELUCTANT, min(SATURATED, self.opposite))
        if self.side == 0:
            self.side = (self.as_told > BELIEVED) - (self.opposite > BELIEVED)
        elif (self.as_told if self.side > 0 else self.opposite) < 0.0:
            self.side = 0
