# SPDX-License-Identifier: MIT
"""How far off the clock may be because of a load that nobody can have noticed yet.

A load heats the crystal, and its frequency runs away in a ramp that takes some seconds to stand out from the noise.
For each of the last instants at which one may have begun, the error is followed that the filter, with the gains it had,
makes per unit of ramp, and the pulses are matched with it (the generalized likelihood ratio of Willsky
and Jones 1976).  The reach is the largest error of any such history that the pulses, the rate at which loads have come and
their size do not rule out; so the doubt is there before the load is seen, and grows with the first sign of it.
"""

from libc.math cimport exp, fabs, log, pow, sqrt

cdef double HEATING = 60.0      # s: how fast a load's warmth reaches the crystal
cdef double RULED_OUT = 11.5    # log of one in 100 000: what is less likely is not reckoned with
cdef double CLEAR = 100.0       # evidence, twice and with room to spare, at which a load is plain
cdef double SPAN = 0.6          # the instants reach back over this many such times, turned round
cdef double EVERY = 0.7         # s: instants are no closer
cdef double WILD = 3.0          # standard deviations: a pulse tells no more


cdef class Loads:

    cdef void forget(self) noexcept:
        """The filter has begun anew."""
        cdef int i
        for i in range(ONSETS):
            self.open[i] = False
        self.since = HEATING

    cdef void feel(self, double seconds, double score, double information, double gain_x, double gain_y, double ramp) \
            noexcept:
        """A pulse, `seconds` after the one before: its score (1/ns), the usual Fisher information (1/ns^2) and the gains
        with which offset and frequency followed it; `ramp` in ns/s^2 is how fast a load heats this crystal."""
        cdef double most = WILD * sqrt(information)
        cdef double cooling = exp(-seconds / HEATING)
        cdef double foretold
        cdef int i
        score = max(-most, min(most, score))
        self.since += seconds
        # A ramp of r is plain after about (20 n / (information r^2))^(1/5) seconds, n being the evidence wanted.
        if self.since >= max(EVERY, pow(CLEAR / (information * ramp * ramp), 0.2) / (SPAN * ONSETS)):
            self.since = 0.0
            self.newest = (self.newest + 1) % ONSETS
            i = self.newest
            self.error[i] = self.drift[i] = self.match[i] = self.weight[i] = 0.0
            self.push[i] = 1.0
            self.open[i] = True
        for i in range(ONSETS):
            if not self.open[i]:
                continue
            foretold = self.error[i] + seconds * (self.drift[i] + 0.5 * seconds * self.push[i])
            self.match[i] += score * foretold
            self.weight[i] += information * foretold * foretold
            self.error[i] = foretold - gain_x * foretold
            self.drift[i] += seconds * self.push[i] - gain_y * foretold
            self.push[i] *= cooling

    cdef double reach(self, double sigma, double odds, double ramp) noexcept:
        """The error (ns) that may be there a second from now; `odds`: log of how likely a load began in a given second."""
        cdef double prior = 1.0 / (ramp * ramp)
        cdef double most = 0.0, error, total, size, left
        cdef int i
        for i in range(ONSETS):
            if not self.open[i] or self.weight[i] == 0.0:
                continue
            error = fabs(self.error[i] + self.drift[i] + 0.5 * self.push[i])
            # The size of the ramp, normal about 0 before the pulses, is normal about `size` after them.
            total = self.weight[i] + prior
            size = fabs(self.match[i]) / total
            left = RULED_OUT + odds + 0.5 * size * size * total - 0.5 * log(total / prior)
            if left > 0.0:
                left = min(left, RULED_OUT)
                most = max(most, error * size + sqrt(2.0 * left * (error * error / total + sigma * sigma)))
        return most
