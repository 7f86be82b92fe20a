# SPDX-License-Identifier: MIT
"""What the crystal will do when the pulses stop.

A crystal's frequency follows its temperature.  The coefficient is regressed on differences of
five-minute means of the filter's frequency and of a thermometer, outside the filter, so a poor
thermometer cannot disturb a locked clock.  Without pulses the frequency then follows the
thermometer; what no thermometer foretells is counted into the error bound by how restless
the crystal has been lately, and never as less than a computer's crystal must be expected to be.
"""

from libc.math cimport exp, fabs, log, sqrt

cdef double BLOCK = 300.0               # s
cdef double MEMORY = 48 * 3600.0        # s, of the regression
cdef double PRIOR_SIGMA = 150.0         # ns/s/K: bare crystals near room temperature
cdef double WALK = 0.15                 # (ns/s)^2/s: what a crystal wanders by itself
cdef double SENSOR = 2e-3               # K^2: noise of the difference of two five-minute means
cdef double BASE = 200.0                # s: the base is a mean over about this
cdef double SMOOTH = 20.0               # s: of the thermometer
cdef double QUICK = 10.0                # s: of the thermometer, to feel a change by
cdef double SLOW = 70.0                # s
cdef double LONG = 3600.0               # s
cdef double USUAL = 0.01                # K^2: sensors are not much worse than 0.1 K
cdef double LIKELY = 100.0              # ns/s/K: until the coefficient is known better
cdef double RESTLESS_FIRST = 300.0      # ns/s: a load may heat the crystal at any time
cdef double RESTLESS_LEAST = 100.0      # ns/s
cdef double LOAD = 60.0                 # ns/s between five-minute means: more than a day's swing does
cdef double UNEXPLAINED_FIRST = 80.0    # ns/s: a thermometer is not the crystal
cdef double UNEXPLAINED_LEAST = 20.0    # ns/s
cdef double FORGET = 24 * 3600.0        # s: of how restless it was
cdef double LOADS_FIRST = 0.5           # until some are seen, a load in four hours is held to be likely
cdef double WATCHED_FIRST = 2 * 3600.0  # s
cdef double FELT = 1.0                  # standard deviations of the thermometer that mean nothing
cdef double STEEPEST = 0.55             # ramp of a load that has changed five-minute means by 1 ns/s, per heating time
cdef double LAG = 30.0                  # s: how far a thermometer's warmth lags behind the crystal's, or leads
cdef double HEATING = 60.0              # s: how fast a load reaches the crystal
cdef double SLOPE = 0.05                # ns/s per s: the day's swing, ageing and the rest
cdef double SLOPE_KNOWN = 0.01          # the same with a thermometer that explains the crystal


cdef class Holdover:

    def __cinit__(self):
        self.prior_sigma = self.sigma = PRIOR_SIGMA
        self.restless = RESTLESS_FIRST
        self.loads = LOADS_FIRST
        self.watched = WATCHED_FIRST
        self.unexplained = UNEXPLAINED_FIRST

    cdef void remember(self, double coefficient, double sigma) noexcept:
        """Begin with a coefficient (ns/s/K) learned in an earlier run."""
        self.prior = self.coefficient = coefficient
        self.prior_sigma = self.sigma = sigma

    cdef bint knows(self) noexcept:
        """Whether the thermometer tells more of the crystal than it confuses."""
        return self.has_celsius and fabs(self.coefficient) > 3.0 * self.sigma

    cdef void feel(self, double celsius, double seconds) noexcept:
        """The thermometer now; `seconds` since it was last asked."""
        cdef double apart
        if not self.has_celsius:
            self.celsius = self.left_at = self.quick = self.slow = celsius
            self.usual = USUAL
            self.has_celsius = True
        elif seconds > 0.0:
            self.celsius += seconds / (SMOOTH + seconds) * (celsius - self.celsius)
            self.quick += seconds / (QUICK + seconds) * (celsius - self.quick)
            self.slow += seconds / (SLOW + seconds) * (celsius - self.slow)
            apart = min((self.quick - self.slow) * (self.quick - self.slow), 4.0 * self.usual)
            self.usual += seconds / (LONG + seconds) * (apart - self.usual)

    cdef double heating(self) noexcept:
        """How far (ns/s) a plain change of temperature has pushed the frequency in the last minute or two."""
        cdef double apart
        if not self.has_celsius:
            return 0.0
        apart = fabs(self.quick - self.slow) - 3.0 * sqrt(self.usual)
        return max(fabs(self.coefficient), LIKELY) * apart if apart > 0.0 else 0.0

    cdef double ramp(self) noexcept:
        """How fast (ns/s^2) a load of a size that this crystal has shown begins to change its frequency."""
        return STEEPEST * max(RESTLESS_LEAST, self.restless) / HEATING

    cdef double load_odds(self) noexcept:
        """Log of how likely it is that a load began in a given one of the last seconds."""
        cdef double odds = log(self.loads / self.watched)
        cdef double felt
        if self.has_celsius:
            felt = fabs(self.quick - self.slow) / sqrt(self.usual) - FELT
            if felt > 0.0:
                odds += 0.5 * felt * felt
        return min(odds, 0.0)

    cdef void feel_nothing(self) noexcept:
        """The thermometer is gone."""
        self.has_celsius = False
        self.has_base = False
        self.base_s = 0.0

    cdef void track(self, double frequency, double seconds) noexcept:
        """The filter's frequency (ns/s) over the last `seconds`, in which pulses were good."""
        if seconds <= 0.0:
            return
        if self.has_celsius:
            if not self.has_base:
                self.base_s = 0.0
            self.base_s = min(self.base_s + seconds, BASE)
            self.base += min(1.0, seconds / self.base_s) * (frequency - self.coefficient * self.celsius - self.base)
            self.has_base = True
            self.left_at = self.celsius
        self.restless -= seconds / FORGET * self.restless
        self.unexplained -= seconds / FORGET * self.unexplained
        if self.block_s == 0.0:
            self.block_y = self.block_t = 0.0
            self.block_warm = True
        self.block_y += frequency * seconds
        self.block_t += self.celsius * seconds
        self.block_warm = self.block_warm and self.has_celsius
        self.block_s += seconds
        if self.block_s >= BLOCK:
            self._close_block()

    cdef void interrupt(self) noexcept:
        """Pulses were missing: differences across the gap would tell little, and a load may have gone unseen."""
        self.loads = max(self.loads, LOADS_FIRST)
        self.block_s = 0.0
        self.blocks = 0

    cdef void _close_block(self) noexcept:
        cdef int i
        cdef double change
        for i in range(BLOCKS - 1, 0, -1):
            self.ys[i] = self.ys[i - 1]
            self.ts[i] = self.ts[i - 1]
            self.warm[i] = self.warm[i - 1]
        self.ys[0] = self.block_y / self.block_s
        self.ts[0] = self.block_t / self.block_s
        self.warm[0] = self.block_warm
        self.block_s = 0.0
        if self.blocks < BLOCKS:
            self.blocks += 1
        if self.blocks < 2:
            return
        self._regress()
        change = self.ys[0] - self.ys[1]
        self.restless = max(self.restless, fabs(change))
        self.loads -= BLOCK / FORGET * self.loads
        self.watched += BLOCK - BLOCK / FORGET * self.watched
        if fabs(change) > LOAD:
            self.loads += 1.0
        if self.warm[0] and self.warm[1] and self.knows():
            change -= self.coefficient * (self.ts[0] - self.ts[1])
            self.unexplained = max(self.unexplained, fabs(change))

    cdef void _regress(self) noexcept:
        """Differences over 10 and 30 minutes, weighed by how far the crystal wanders by itself meanwhile.

        Neighbouring differences share their wandering, so each counts as that much less evidence; the
        remembered coefficient, or 0, is the prior that keeps little evidence from saying much.
        """
        cdef double keep = 1.0 - BLOCK / MEMORY
        cdef double before = self.coefficient
        cdef double trust = 1.0 / (self.prior_sigma * self.prior_sigma)
        cdef double dy, dt, weight
        cdef int lag
        self.sxx *= keep
        self.sxy *= keep
        for lag in (2, 6):
            if lag >= self.blocks or not self.warm[0] or not self.warm[lag]:
                continue
            dy = self.ys[0] - self.ys[lag]
            dt = self.ts[0] - self.ts[lag]
            weight = 1.0 / (lag * (WALK * BLOCK * lag + before * before * SENSOR))
            self.sxx += weight * dt * dt
            self.sxy += weight * dt * dy
        self.coefficient = (self.sxy + self.prior * trust) / (self.sxx + trust)
        self.sigma = 1.0 / sqrt(self.sxx + trust)
        self.base += (before - self.coefficient) * self.celsius

    cdef bint foretell(self, double *frequency) noexcept:
        """The frequency (ns/s) at the present temperature; False when no thermometer tells it."""
        if not self.has_base or not self.knows() or self.base_s < 0.5 * BASE:
            return False
        frequency[0] = self.base + self.coefficient * self.celsius
        return True

    cdef double _sudden(self) noexcept:
        """How far (ns/s) a load may push the frequency beyond what is foretold."""
        if self.knows():
            return max(UNEXPLAINED_LEAST, self.unexplained) + 3.0 * self.sigma * fabs(self.celsius - self.left_at)
        return max(RESTLESS_LEAST, self.restless)

    cdef double stray_rate(self, double seconds) noexcept:
        """How far (ns/s) the frequency may have strayed in `seconds` without a pulse, beyond the filter's doubt."""
        return (
            self._sudden() * (1.0 - exp(-seconds / HEATING))
            + (SLOPE_KNOWN if self.knows() else SLOPE) * seconds
        )

    cdef double stray(self, double seconds) noexcept:
        """How far (ns) the clock may have strayed by that: the integral of stray_rate."""
        cdef double reached = seconds - HEATING * (1.0 - exp(-seconds / HEATING))
        if self.knows():
            return (
                self._sudden() * reached + 0.5 * SLOPE_KNOWN * seconds * seconds
                + max(RESTLESS_LEAST, self.restless) * min(reached, LAG)
            )
        return self._sudden() * reached + 0.5 * SLOPE * seconds * seconds
