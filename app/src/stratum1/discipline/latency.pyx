# SPDX-License-Identifier: MIT
"""The noise of the pulses' stamps: how wide it is, and whether it has a tail to one side.

An interrupt is never served before its pulse but often some time after it, so a stamp's error is
a symmetric part plus a latency >= 0.  Taken as Gaussian plus exponential, its density is the
exponentially modified Gaussian (Grushka 1972); pulse by pulse a recursive EM (Cappe and
Moulines 2009) fits three shapes side by side: no tail, a late one, and an early one.  A
late tail is believed only when it has foretold the pulses much better than no tail and than
tails to both sides, so symmetric noise, however heavy, has no skew imagined into it.
"""

from libc.math cimport erfc, exp, fabs, log, sqrt

cdef double FIRST = 1e6         # ns^2: 1 us until learned
cdef double LEAST = 9.0         # ns^2: kernel stamps are no better
cdef double MOST = 1e12         # ns^2: 1 ms
cdef int MEMORY = 1000          # pulses
cdef int FIRST_LOOK = 16
cdef int SHORT = 8              # pulses remembered when the noise has plainly changed: its shape is looked at anew
cdef int SHORT_LATE = 20        # the same with a tail that is believed
cdef double CONVINCED = 15.0    # log likelihood ratio at which a tail is believed
cdef double SATURATED = 60.0
cdef double RELUCTANT = 10.0
cdef double LEAST_TAIL = 0.05   # of the noise's standard deviation
cdef double LEAST_SHARE = 2e-4  # of the noise's variance that is symmetric
cdef double LEAST_UNKNOWN = 0.1 # of the noise's standard deviation
cdef int LOOKED = 200           # pulses until the evidence counts: it takes 110 to 300 to believe in a tail
cdef double WILD = 25.0         # a square, in units of what was foretold: no pulse counts for more ...
cdef double TELLING = 4.0       # ... nor here, so that strays, be they every second pulse, do not pass for wide noise
cdef double RECENT = 16.0       # pulses
cdef double SOON = 8.0          # pulses: so soon has it plainly grown
cdef double GROWN = 2.75        # mean of squares cut off there: noise of thrice the width learned
cdef double GROWTH = 1.3
cdef double USUAL = 1.6         # mean square that it does reach

cdef double SQRT_HALF = 0.70710678118654752440
cdef double LOG_SQRT_2PI = 0.91893853320467274178
cdef double SQRT_2_OVER_PI = 0.79788456080286535588


cdef inline double hazard(double a, double *log_below) noexcept nogil:
    """phi(a) / Phi(a) of the standard normal, and log Phi(a)."""
    cdef double below
    if a < -25.0:       # erfc is about to underflow; its continued fraction
        below = -a - 1.0 / a * (1.0 - 2.0 / (a * a))
        log_below[0] = -0.5 * a * a - LOG_SQRT_2PI - log(below)
        return below
    below = 0.5 * erfc(-a * SQRT_HALF)
    log_below[0] = log(below)
    return 0.5 * SQRT_2_OVER_PI * exp(-0.5 * a * a) / below


cdef void weigh(const Shape *shape, double innovation, double foretold, Evidence *evidence) noexcept nogil:
    """What an innovation (ns) says when the clock itself was foretold with variance `foretold`."""
    cdef double variance = shape.variance + foretold
    cdef double sigma, a, h, log_below
    if shape.tail <= 0.0:
        evidence.sharpness = 1.0 / variance
        evidence.score = innovation / variance
        evidence.density = -0.5 * innovation * evidence.score - 0.5 * log(variance) - LOG_SQRT_2PI
        return
    sigma = sqrt(variance)
    a = innovation / sigma - sigma / shape.tail
    h = hazard(a, &log_below)
    evidence.density = (0.5 * variance / shape.tail - innovation) / shape.tail - log(shape.tail) + log_below
    evidence.score = 1.0 / shape.tail - h / sigma
    evidence.sharpness = h * (h + a) / variance


cdef inline double within(double value, double limit) noexcept nogil:
    return limit if value > limit else -limit if value < -limit else value


cdef inline double weighed(double evidence) noexcept nogil:
    """Old evidence is forgotten by not being counted without end."""
    return SATURATED if evidence > SATURATED else -RELUCTANT if evidence < -RELUCTANT else evidence


cdef class Fit:
    """One shape, kept fitted by recursive maximum likelihood: each pulse moves the parameters along
    their score, scaled by the inverse of the Fisher information seen so far."""

    cdef void start(self, int side, double variance, double mean) noexcept:
        cdef int i
        self.side = side
        self.shape.variance = 0.3 * variance if side else variance
        self.shape.tail = sqrt(0.7 * variance) if side else 0.0
        self.centre = mean - side * self.shape.tail
        for i in range(6):
            self.information[i] = 0.0
        # What a pulse of such a shape tells of centre (1/ns^2), log variance and log tail, roughly.
        self.information[0] = 2.0 / variance
        self.information[3] = 0.2
        self.information[5] = 0.5

    cdef double learn(self, double innovation, double foretold, double gain) noexcept:
        """The log likelihood of an innovation before it was learned from."""
        cdef Evidence evidence
        cdef double rest = innovation - self.centre
        cdef double variance = self.shape.variance + foretold
        cdef double share = self.shape.variance / variance
        cdef double hidden, spread
        cdef double u0, u1, u2, i00, i01, i02, i11, i12, i22, c00, c01, c02, c11, c12, c22, scale
        if not self.side:
            weigh(&self.shape, rest, foretold, &evidence)
            self.centre += gain * rest
            self.shape.variance += gain * share * share * (rest * rest - foretold - self.shape.variance)
        else:
            rest *= self.side
            weigh(&self.shape, rest, foretold, &evidence)
            # The mean of the latency hidden in this stamp: normal, cut off below 0.
            hidden = rest - variance * evidence.score
            u0 = evidence.score
            u1 = 0.5 * self.shape.variance * (evidence.score * evidence.score - evidence.sharpness)
            u2 = hidden / self.shape.tail - 1.0
            self.information[0] += gain * (u0 * u0 - self.information[0])
            self.information[1] += gain * (u0 * u1 - self.information[1])
            self.information[2] += gain * (u0 * u2 - self.information[2])
            self.information[3] += gain * (u1 * u1 - self.information[3])
            self.information[4] += gain * (u1 * u2 - self.information[4])
            self.information[5] += gain * (u2 * u2 - self.information[5])
            i00 = self.information[0] * 1.02
            i01 = self.information[1]
            i02 = self.information[2]
            i11 = self.information[3] * 1.02 + 1e-4
            i12 = self.information[4]
            i22 = self.information[5] * 1.02 + 1e-4
            c00 = i11 * i22 - i12 * i12
            c01 = i02 * i12 - i01 * i22
            c02 = i01 * i12 - i02 * i11
            c11 = i00 * i22 - i02 * i02
            c12 = i01 * i02 - i00 * i12
            c22 = i00 * i11 - i01 * i01
            scale = gain / (i00 * c00 + i01 * c01 + i02 * c02)
            spread = sqrt(self.shape.variance + self.shape.tail * self.shape.tail)
            self.centre += self.side * within(scale * (c00 * u0 + c01 * u1 + c02 * u2), 0.1 * spread)
            self.shape.variance *= 1.0 + within(scale * (c01 * u0 + c11 * u1 + c12 * u2), 0.2)
            self.shape.tail *= 1.0 + within(scale * (c02 * u0 + c12 * u1 + c22 * u2), 0.2)
            if self.shape.tail < LEAST_TAIL * spread:
                self.shape.tail = LEAST_TAIL * spread
            if self.shape.variance < LEAST_SHARE * spread * spread:
                self.shape.variance = LEAST_SHARE * spread * spread
        if self.shape.variance < LEAST:
            self.shape.variance = LEAST
        elif self.shape.variance > MOST:
            self.shape.variance = MOST
        return evidence.density


cdef class Latency:

    def __cinit__(self):
        self.plain = Fit()
        self.later = Fit()
        self.earlier = Fit()
        self.begin(FIRST)

    cdef void begin(self, double variance) noexcept:
        """Nothing is known but about how wide the noise is."""
        self.plain.start(0, variance, 0.0)
        self.later.start(1, variance, 0.0)
        self.earlier.start(-1, variance, 0.0)
        self.shape = self.plain.shape
        self.late = False
        self.count = self.heard = 0
        self.favour = self.over_plain = self.over_even = 0.0
        self.recent = self.telling = 1.0

    cdef double learn(self, double innovation, double foretold) noexcept:
        """Learn from a pulse; what the clock's offset is to be moved by (ns) when a tail is first believed."""
        cdef double plain, later, earlier, even, gain, late
        cdef double moved = 0.0
        if self.heard < MEMORY:
            self.heard += 1
        if foretold > self.plain.shape.variance:
            # The clock itself is still being found: only a width can be told, and that roughly, ...
            if self.count < FIRST_LOOK:
                self.plain.learn(innovation, foretold, 0.2)
                self.shape = self.plain.shape
            # ... and when it is found again after a gap, what was known of the noise is better.
            else:
                self._note(innovation * innovation / (self.shape.variance + self.shape.tail * self.shape.tail + foretold))
            return 0.0
        if self.count < MEMORY:
            self.count += 1
        late = innovation - (self.shape.tail if self.late else 0.0)
        self._note(late * late / (self.shape.variance + self.shape.tail * self.shape.tail + foretold))
        gain = 1.0 / (self.count + 4)
        plain = self.plain.learn(innovation, foretold, gain)
        if self.count <= FIRST_LOOK:
            # The width is roughly known before its shape is asked for.
            if self.count == FIRST_LOOK:
                self.later.start(1, self.plain.shape.variance, self.plain.centre)
                self.earlier.start(-1, self.plain.shape.variance, self.plain.centre)
            self.shape = self.plain.shape
            return 0.0
        later = self.later.learn(innovation, foretold, gain)
        earlier = self.earlier.learn(innovation, foretold, gain)
        self.over_plain = weighed(self.over_plain + later - plain)
        # Tails to both sides, half and half: log((exp(later) + exp(earlier)) / 2).
        even = max(later, earlier) + log(0.5 + 0.5 * exp(-fabs(later - earlier)))
        self.over_even = weighed(self.over_even + later - even)
        self.favour = min(self.over_plain, self.over_even)
        if not self.late and self.favour > CONVINCED:
            self.late = True
            moved = self.later.centre
            self._recentre(moved)
        elif self.late and self.favour < 0.0:
            self.late = False
            moved = self.plain.centre
            self._recentre(moved)
        self.shape = self.later.shape if self.late else self.plain.shape
        return moved

    cdef void _recentre(self, double moved) noexcept:
        """The clock is now held to be `moved` further ahead: so much less are all coming innovations."""
        self.plain.centre -= moved
        self.later.centre -= moved
        self.earlier.centre -= moved

    cdef void strike(self) noexcept:
        """A pulse was refused that agreed with no other; many such mean that the noise has grown."""
        self._note(WILD)

    cdef void _note(self, double share) noexcept:
        """The square of an innovation, in units of what was foretold: when it is too large for long, learn anew."""
        self.recent += (min(share, WILD) - self.recent) / RECENT
        self.telling += (min(share, TELLING) - self.telling) / SOON
        if self.telling < GROWN:
            return
        self.count = min(self.count, SHORT_LATE if self.late else SHORT)
        self.heard = min(self.heard, self.count)
        if not self.late:
            self.favour = self.over_plain = self.over_even = 0.0
        self.plain.shape.variance = min(MOST, GROWTH * self.plain.shape.variance)
        self.later.shape.variance = min(MOST, GROWTH * self.later.shape.variance)
        self.earlier.shape.variance = min(MOST, GROWTH * self.earlier.shape.variance)
        self.shape = self.later.shape if self.late else self.plain.shape

    cdef double excess(self) noexcept:
        """By how much (a factor of at least 1) the last pulses were wilder than foretold."""
        return sqrt(self.recent / USUAL) if self.recent > USUAL else 1.0

    cdef double spread(self) noexcept:
        """Standard deviation of a stamp's noise, ns."""
        return sqrt(self.shape.variance + self.shape.tail * self.shape.tail)

    cdef double unknown(self) noexcept:
        """How far a tail not yet recognised may still displace the estimate, ns."""
        cdef double chance = 0.0
        cdef double tail
        if self.late:
            tail = self.later.shape.tail / sqrt(<double>self.count)
        elif self.count < LOOKED:
            tail = self.spread()
        else:
            # The fit's own tail, as long as nothing speaks against it, and then less and less of it.
            tail = fabs(self.later.centre) * exp(min(0.0, self.favour + 4.0))
            chance = self.spread() / sqrt(0.28 * self.count)
        return tail + chance
