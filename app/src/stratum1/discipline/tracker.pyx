# SPDX-License-Identifier: MIT
"""Pulses in, the clock's offset with its error bound out: filter, noise, holdover and rival together."""

from libc.math cimport exp, fabs, llround, sqrt
from libc.stdint cimport int64_t

from stratum1.discipline.holdover cimport Holdover
from stratum1.discipline.latency cimport Latency
from stratum1.discipline.loads cimport Loads
from stratum1.discipline.onset cimport ONSET, Onset
from stratum1.discipline.servo cimport Servo
from stratum1.timescale cimport floor_seconds

cdef int64_t SECOND = 1000000000
cdef double GAP = 10.0              # s without a good pulse: from here on the clock is in holdover
cdef double NEXT = 1.0              # s after a pulse: so long the doubt that it left is enough
cdef double GRACE = 1.5             # s: the same for loads
cdef double TOO_WILD = 20e6         # ns: these are no pulses of one second
cdef int MANY = 1000000
cdef int AGREEING = 4             # refused pulses in a row on a line of their own that are no chance
cdef int WARMED_UP = 60             # pulses until the filter's frequency is worth learning from
cdef double COVER_CALM = 4.8        # standard errors in the bound while nothing happens: one in 100 000 as in loads.pyx
cdef double COVER = 3.6             # standard errors while something happens: the filter has seen it then
cdef double GRAIN = 2.0             # ns: rounding, and the clock's reading itself
cdef double ONSETS_WORTH = 2.5      # residuals: of the onset's six two are spent on the line, and medians waste more
cdef double TELLS = 0.25            # residuals in a pulse: noise may be as heavy as a latency (kurtosis 9, not 3)
cdef double CALMING = 1e-3          # how fast the calm standard error may rise, per pulse
cdef double TAILED = 1.1            # more standard errors where the noise has a tail: so has the error then
cdef double LASTING = 12.0          # s: noise may hide what it has just shown, so doubt does not end at once
cdef double WRENCHED = 500.0        # ns/s: no load pushes a crystal farther
cdef double READING = 20e3          # ns: how far apart two clocks may have been read
cdef double ASLEEP = 100.0          # ns/s: what a crystal's frequency does while a machine sleeps
cdef int INFORMED = 300             # pulses
cdef int FAMILIAR = 20              # pulses until loads can be told from the beginning itself


cdef double widened(double residuals) noexcept nogil:
    """By how much Student's t passes the normal distribution at 4.8 standard errors (Cornish-Fisher expansion)."""
    return 1.0 + (6.0 + (32.0 + 123.0 / residuals) / residuals) / residuals


cdef class Tracker:

    def __cinit__(self):
        self.servo = Servo()
        self.rival = Servo()
        self.latency = Latency()
        self.onset = Onset()
        self.holdover = Holdover()
        self.loads = Loads()

    cdef void restart(self) noexcept:
        """Forget the phase; frequency, noise and temperature coefficient stay."""
        self.running = False
        self.settled = 0
        self.returned = 0
        self.rival_count = 0
        self.holdover.interrupt()

    cdef void shift(self, int64_t clock_ns, int64_t offset_ns) noexcept:
        """The clock's readings were moved by clock_ns, its offset by offset_ns."""
        self.servo.shift(clock_ns, offset_ns)
        self.rival_count = 0
        if self.last_good:
            self.last_good += clock_ns

    cdef void mistrust(self) noexcept:
        """The clock was moved by a known amount, or so it seems: good pulses have to bear it out."""
        self.servo.widen(READING * READING, 0.0, ASLEEP * ASLEEP)
        self.loads.forget()
        self.holdover.interrupt()
        self.returned = 0

    cdef void begin(self, int64_t stamp_ns, int64_t utc_ns, double frequency, double sigma) noexcept:
        """The first pulse: it sets the phase roughly, until the onset is complete."""
        self.servo.start(stamp_ns, utc_ns, 3.0 * self.latency.spread(), frequency, sigma)
        self.onset.forget()
        self.onset.add(stamp_ns, utc_ns)
        self.running = True
        self.settled = self.returned = 0
        self.rival_count = 0
        self.refusals = 0
        self.doubt = 0.0
        self.loads.forget()
        self.last_good = stamp_ns

    cdef Outcome _begin_with(self, int64_t stamp_ns) noexcept:
        """Pulses up to the last of the onset: then all of them are taken in, by a line that minds no wild one."""
        cdef double frequency = self.servo.mean_y
        cdef double sigma = sqrt(self.servo.var_y)
        cdef double rate, first, variance
        cdef int64_t utc = self.slot(stamp_ns, 1)
        cdef int i
        self.last_good = stamp_ns
        if not self.onset.add(stamp_ns, utc):
            return PULSE_NOTED
        rate = 1e9 * self.servo.rate(self.servo.steering)
        self.onset.fit(rate, False)
        if fabs(self.onset.slope - rate) * 2.0 * ONSET < self.onset.spread:
            self.onset.fit(rate, True)      # what was known of the frequency is as good
        elif self.accepted == 0 and fabs(self.onset.slope - rate) > 4.0 * sigma + self.onset.spread:
            frequency += self.onset.slope - rate        # remembered of another crystal
            sigma = self.onset.spread + 1000.0
        self.running = self.onset.spread < TOO_WILD
        if not self.running:
            return PULSE_REFUSED
        self.moved = self.onset.start
        variance = self.onset.spread * self.onset.spread
        self.latency.begin(variance)
        self.information = 1.0 / variance
        self.servo.start(
            self.onset.stamps[0], self.onset.utcs[0] - llround(self.onset.start), 3.0 * self.onset.spread, frequency, sigma
        )
        for i in range(ONSET):
            self.servo.propagate(self.onset.stamps[i])
            first = self.servo.innovation(self.onset.stamps[i], self.onset.utcs[i])
            if self.servo.update(first, &self.latency.shape) < 0.5:
                self.rejected += 1
                continue
            self.accepted += 1
            self.settled += 1
            self.reference = self.onset.utcs[i]
            self.offset = -first
        self.returned = self.settled
        return PULSE_TAKEN

    cdef int64_t slot(self, int64_t stamp_ns, int rate) noexcept:
        """UTC of the pulse that a stamp is nearest to, at `rate` pulses a second."""
        cdef int64_t utc = self.servo.utc(stamp_ns)
        cdef int64_t second = floor_seconds(utc) * SECOND
        cdef int64_t count = ((utc - second) * rate + SECOND // 2) // SECOND
        return second + (count * SECOND + rate // 2) // rate

    cdef void _cross_gap(self, double gap) noexcept:
        """What may have happened while no pulse came is doubt of the filter now."""
        cdef double x = self.holdover.stray(gap) / 3.0
        cdef double y = self.holdover.stray_rate(gap) / 3.0
        self.servo.widen(x * x, x * y, y * y)
        self.holdover.interrupt()
        self.returned = 0

    cdef Outcome pulse(self, int64_t stamp_ns, int rate, int believe) noexcept:
        """A pulse, its stamp corrected for delays; `believe` refused ones in a row that agree are believed."""
        cdef double gap = (stamp_ns - self.last_good) * 1e-9
        cdef double innovation, before, sigma, width
        cdef int64_t utc
        if gap <= 0.0:
            self.rejected += 1
            return PULSE_REFUSED
        self.servo.propagate(stamp_ns)
        if self.settled == 0:
            return self._begin_with(stamp_ns)
        if gap > GAP and self.rival_count == 0:
            self._cross_gap(gap)
        utc = self.slot(stamp_ns, rate)
        innovation = self.servo.innovation(stamp_ns, utc)
        self.foretold = self.servo.var_x
        before = self.servo.mean_x
        if self.servo.update(innovation, &self.latency.shape) < 0.5:
            return self._refuse(stamp_ns, innovation, believe)
        sigma = sqrt(self.servo.var_x)
        self.calm = sigma if self.settled < WARMED_UP else min(sigma, self.calm * (1.0 + CALMING))
        self._doubt(gap, (self.servo.mean_x - before) / self.foretold)
        self.rival_count = self.refusals = 0
        width = self.latency.spread()
        self.servo.move(self.latency.learn(innovation, self.foretold))
        if self.settled < INFORMED:     # all that the filter knows it has from pulses of this noise
            width = self.latency.spread() / width
            self.servo.rescale(width * width)
            self.calm *= width
        if self.settled > WARMED_UP and gap < GAP:
            self.holdover.track(self.servo.mean_y, gap)
        self.settled = min(self.settled + 1, MANY)
        self.returned = min(self.returned + 1, MANY)
        self.accepted += 1
        self.last_good = stamp_ns
        self.reference = utc
        self.offset = -innovation
        return PULSE_TAKEN

    cdef void _doubt(self, double seconds, double score) noexcept:
        """A pulse of this score (1/ns) was taken: what the bound is to hold until the next."""
        cdef double sigma = sqrt(self.servo.var_x)
        cdef double ramp = self.holdover.ramp()
        self.information += (score * score - self.information) / min(self.settled, INFORMED)
        self.doubt *= exp(-seconds / LASTING)
        self.doubt = max(self.doubt, COVER_CALM * min(self.calm, sigma))
        if self.settled > FAMILIAR:
            self.loads.feel(seconds, score, self.information, self.servo.gain_x, self.servo.gain_y, ramp)
            self.doubt = max(self.doubt, self.loads.reach(sigma, self.holdover.load_odds(), ramp))

    cdef Outcome _refuse(self, int64_t stamp_ns, double foretold_wrong, int believe) noexcept:
        """Follow the refused pulses by themselves: if they agree for long enough, they are right."""
        cdef int64_t utc
        cdef double innovation
        self.rejected += 1
        self.returned = 0
        self.refusals += 1
        self.refused = fabs(foretold_wrong)
        self.rival.steering = self.servo.steering
        if self.rival_count:
            self.rival.propagate(stamp_ns)
            utc = floor_seconds(self.rival.utc(stamp_ns) + SECOND // 2) * SECOND
            innovation = self.rival.innovation(stamp_ns, utc)
            if self.rival.update(innovation, &self.latency.shape) >= 0.5:
                self.rival_count += 1
                if self.rival_count < AGREEING:
                    self.latency.strike()       # may be chance yet
                if self.rival_count < believe:
                    return PULSE_REFUSED
                self.moved = self.servo.innovation(stamp_ns, utc)
                self.servo, self.rival = self.rival, self.servo
                self.settled = self.returned = self.rival_count
                self.rival_count = self.refusals = 0
                self.last_good = stamp_ns
                self.reference = utc
                return PULSE_BELIEVED
            self.rival_count = 0
        self.latency.strike()
        utc = floor_seconds(self.servo.utc(stamp_ns) + SECOND // 2) * SECOND
        self.rival.start(
            stamp_ns, utc, 3.0 * self.latency.spread(), self.servo.mean_y, sqrt(self.servo.var_y) + 1000.0
        )
        self.rival_count = 1
        return PULSE_REFUSED

    cdef void advance(self, int64_t kernel_ns) noexcept:
        """Carry the state on to now; without pulses the frequency follows the thermometer."""
        cdef double frequency
        self.servo.propagate(kernel_ns)
        if self.holdover.heating() > 0.0:
            self.servo.stir()
        if (kernel_ns - self.last_good) * 1e-9 > GAP and self.holdover.foretell(&frequency):
            self.servo.turn(frequency)

    cdef double bound(self, double ahead) noexcept:
        """|error| of the estimate is at most this (ns), `ahead` seconds from the reference if no more pulses come."""
        cdef double age, sigma, few, late
        if not self.running or self.settled == 0:
            return 9e18
        # The width was learned from few pulses, and noise may just be growing.
        few = widened(ONSETS_WORTH + TELLS * self.latency.heard) * self.latency.excess()
        if self.latency.late:
            few *= TAILED
        sigma = sqrt(self.servo.var_x)
        age = (self.servo.reference_ns - self.last_good) * 1e-9 + ahead
        late = max(0.0, min(ahead, age - NEXT))
        return (
            few * max(self.doubt, COVER * sigma)
            + COVER_CALM * (self.servo.sigma_at(late) - sigma)
            + self.holdover.stray(max(0.0, age - GRACE)) + self.latency.unknown() + self._disowned(age) + GRAIN
        )

    cdef double _disowned(self, double age) noexcept:
        """How far (ns) the clock is off if the pulses that it has refused are right, as far as a crystal can go."""
        return min(self.refused, WRENCHED * max(0.0, age)) if self.refusals > 1 else 0.0

    cdef double time_left(self, double limit) noexcept:
        """Seconds until the bound passes `limit` (ns) if no more pulses come."""
        cdef double low = 0.0, high = 4e6, middle
        cdef int _
        if self.bound(0.0) > limit:
            return 0.0
        for _ in range(24):
            middle = 0.5 * (low + high)
            if self.bound(middle) > limit:
                high = middle
            else:
                low = middle
        return low
