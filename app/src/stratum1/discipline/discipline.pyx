# SPDX-License-Identifier: MIT
"""The one face of the discipline: what happened comes in, what to do and to say goes out."""

from libc.math cimport fabs, llround, sqrt
from libc.stdint cimport int64_t
from libc.stdlib cimport llabs

from stratum1.discipline.claim cimport DISTRUST, HOLDOVER, LOCKED, SETTLED, UNSYNCHRONISED, Claim
from stratum1.discipline.labels cimport LABEL_AGREES, LABEL_AMBIGUOUS, Verdict
from stratum1.discipline.tracker cimport PULSE_BELIEVED, PULSE_TAKEN, Outcome, Tracker
from stratum1.timescale cimport floor_seconds

from stratum1.discipline.types import Config, Estimate, Order, StoredDrift
from stratum1.tracking.snapshot import Leap, Reason, State

cdef int64_t SECOND = 1000000000
cdef int64_t DAY = 86400 * SECOND
cdef int64_t INSTANT_LIMIT = 1 << 62
cdef int64_t STEP_SEEN = 500000                # as TRACKING_STEP_NS: no slew moves realtime - monotonic so
cdef int64_t SYSTEM_RIGHT = 400000000           # so far a clock that names the seconds may be off
cdef int64_t BETWEEN = 5000000                 # a message farther than this from a whole second names none
cdef int BELIEVE = 60                          # refused pulses in a row that agree make a step
cdef int BELIEVE_UNSERVED = 5                  # the same while nobody is served
cdef double FIRST_FREQUENCY = 100e3            # ns/s: crystals are within 100 ppm
cdef double STORED_LEAST = 1e3                 # ns/s: a remembered frequency is no better
cdef double SLEW = 100e-6                      # s/s: most that is spent on working off a rest
cdef double MOST = 500e-6                      # s/s: the kernel adjusts no farther
cdef double FIRST_PULSE_OFF = 10e6             # ns


cdef class Discipline(Claim):
    """Not for more than one thread.

    begin() once; then each thing as it happens, advance() once a second and after each pulse, and
    applied() with what the clock made of the order.  estimate() is what may be said of the
    time at the last reading of the clock.
    """

    def __init__(self, config: Config):
        self.reconfigure(config)

    def reconfigure(self, config: Config):
        """Take over changed settings; no lock is lost, unless another edge is now the second."""
        self._config = config
        self._delay_ns = config.delay_ns
        self._bound_limit_ns = config.bound_limit_ns
        self._holdover_limit_ns = config.holdover_limit_ns
        self._by_system = config.labels == "system"
        self._steers = config.steers
        self._edges.wanted = {"auto": 0, "assert": 1, "clear": 2}[config.edge]
        if self._edges.wanted and self._edges.turned():
            self._restart()
            if self._serves():
                self._give_up(Reason.SETTLING)

    def begin(self, int64_t kernel_ns, int64_t monotonic_ns, double steering=0.0, drift: StoredDrift | None = None):
        """Start: both clocks now, the frequency adjustment already in force (s/s), what was remembered."""
        self._now = self._since = self._last_message = kernel_ns
        self._monotonic = monotonic_ns
        self._tracker.servo.set_out(kernel_ns, steering)
        self._stored = drift if drift is not None and drift.sane() else None
        if self._stored is not None and self._stored.temperature_coefficient is not None:
            self._tracker.holdover.remember(self._stored.temperature_coefficient * 1e9, 30.0)

    # What happened

    def message(self, int64_t utc_ns, int64_t arrival_ns, bint fix, utc_valid: bool | None):
        """The receiver named a second: UTC, kernel time of the burst's first byte, whether it has a fix.

        `utc_valid` is False while the receiver itself doubts its leap seconds, None when it cannot tell.
        """
        cdef int64_t rest
        cdef Verdict verdict
        self._messages_reason = None
        self._last_message = arrival_ns
        self._fix = fix
        self._utc_bad = utc_valid is False
        if self._by_system:
            return
        if not fix or self._utc_bad:
            self._labels.agreeing = 0
            return
        rest = utc_ns - floor_seconds(utc_ns) * SECOND
        if BETWEEN < rest < SECOND - BETWEEN or not self._tracker.running:
            return
        utc_ns += -rest if rest <= BETWEEN else SECOND - rest
        if not self._serves() and not self._second_known and not self._edges.regular(self._now):
            self._labels.forget()       # no edge is known to be the second
            return
        if self._leaps.hides(utc_ns):
            self._labels.agreeing = 0
            return
        verdict = self._labels.feed(self._tracker.servo.utc(arrival_ns) - utc_ns)
        self._ambiguous = self._ambiguous + 1 if verdict == LABEL_AMBIGUOUS else 0
        if not self._labels.held and self._labels.agreeing >= self._needed():
            self._tracker.shift(0, self._labels.seconds * SECOND)
            self._labels.hold()
            self._leaps.named(self._tracker.servo.utc(arrival_ns))
            verdict = LABEL_AGREES
        if self._labels.held and verdict == LABEL_AGREES:
            self._leaps.agreed = self._tracker.servo.utc(arrival_ns)

    def messages_lost(self, reason: Reason):
        """No messages can come: gpsd gone, receiver unplugged, messages ceased."""
        self._messages_reason = reason
        self._sawtooth.forget()

    def pulses_lost(self, reason: Reason):
        """No pulses can come: there is no device."""
        self._pulses_reason = reason

    def leap(self, leap: Leap, int64_t at_ns, bint by_kernel):
        """The announced leap second and the first instant after 23:59:59 (UTC ns); 0 = none."""
        if at_ns == 0 or leap not in (Leap.INSERT, Leap.DELETE):
            self._leaps.announce(Leap.NONE, 0, by_kernel)
        elif at_ns != self._leaps.taken and (not self._tracker.running or self._utc() <= at_ns + SECOND):
            self._leaps.announce(leap, at_ns, by_kernel)
        # else: told late, it is over

    def leaps_known(self, int64_t until_ns):
        """Whether a leap second comes is known for all instants before `until_ns` (UTC); 0 = nothing is known."""
        self._leaps.known_until = until_ns

    def sawtooth(self, int64_t utc_ns, double late_ns):
        """The receiver says that it gives the pulse of the second `utc_ns` (UTC) `late_ns` late; before or after it.

        Taken off once the pulses have shown it to be so, or to be so with the opposite sign.
        """
        if -INSTANT_LIMIT < utc_ns < INSTANT_LIMIT:
            self._sawtooth.tell(floor_seconds(utc_ns + SECOND // 2) * SECOND, late_ns)
            if self._waiting and not self._awaits(self._waiting):
                self._pulse(self._waiting)

    cdef bint _awaits(self, int64_t stamp_ns):
        cdef int64_t utc
        if not self._tracker.running or not self._labels.held:
            return False
        utc = self._tracker.slot(stamp_ns, self._edges.rate)
        return utc % SECOND == 0 and self._sawtooth.awaits(utc)

    def edge(self, int64_t sequence, int64_t stamp_ns, bint clear=False):
        """An edge, stamped by the kernel clock; `sequence` as the kernel counted it."""
        cdef bint before = self._edges.leading_clear
        cdef bint good
        if llabs(stamp_ns - self._now) > 10 * SECOND:
            return      # from before a step of the clock, or of another clock
        good = self._edges.feed(stamp_ns, clear, self._serves())
        if before != self._edges.leading_clear:
            self._restart()
        if not good:
            return
        self._pulses_reason = None
        if self._by_system or (self._messages_reason is None and self._fix and not self._utc_bad):
            if self._labels.differing < DISTRUST:
                if self._waiting:
                    self._sawtooth.miss()
                    self._pulse(self._waiting)
                if self._awaits(stamp_ns - self._delay_ns):
                    self._waiting = stamp_ns - self._delay_ns
                else:
                    self._pulse(stamp_ns - self._delay_ns)

    cdef void _pulse(self, int64_t stamp_ns):
        cdef Tracker tracker = self._tracker
        cdef Outcome outcome
        cdef int before
        cdef double late = 0.0
        cdef bint told
        self._waiting = 0
        if not tracker.running:
            self._first_pulse(stamp_ns)
            return
        before = tracker.settled
        told = self._labels.held and self._sawtooth.find(tracker.slot(stamp_ns, self._edges.rate), &late)
        stamp_ns -= llround(self._sawtooth.side * late)
        outcome = tracker.pulse(stamp_ns, self._edges.rate, BELIEVE if self._remembers() else BELIEVE_UNSERVED)
        if told and outcome == PULSE_TAKEN and before > 0:
            self._sawtooth.judge(late, -tracker.offset, tracker.foretold, tracker.latency.spread() ** 2)
        if outcome == PULSE_TAKEN and before == 0 and fabs(tracker.moved) > FIRST_PULSE_OFF and not self._by_system:
            self._labels.forget()       # they were judged by a first pulse that was none
        if outcome == PULSE_BELIEVED and not self._serves() and not self._by_system:
            self._labels.forget()       # they were judged by the phase that was given up
        elif outcome == PULSE_BELIEVED and self._serves() and fabs(tracker.moved) > tracker.bound(0.0):
            # What was served was wrong by more than was said.
            self._give_up(Reason.PULSE_OUTLIERS)

    cdef void _first_pulse(self, int64_t stamp_ns):
        cdef double frequency = self._tracker.servo.mean_y
        cdef double sigma = sqrt(self._tracker.servo.var_y)
        cdef int64_t utc
        if sigma == 0.0:
            frequency, sigma = 0.0, FIRST_FREQUENCY
            if self._stored is not None:
                frequency = self._stored.frequency * 1e9
                sigma = max(3e9 * self._stored.frequency_sigma, STORED_LEAST)
        else:
            sigma = max(sigma, STORED_LEAST)
        # Any whole second will do: the labels, or the second known before, tell how many are missing.
        utc = self._tracker.servo.utc(stamp_ns) if self._second_known else stamp_ns
        self._tracker.begin(stamp_ns, floor_seconds(utc + SECOND // 2) * SECOND, frequency, sigma)
        if self._by_system:
            self._labels.hold()
            self._leaps.named(self._utc())

    # Clocks

    cdef void _moved(self, int64_t clock_ns, int64_t offset_ns):
        """The clock's readings jumped by clock_ns: every instant kept moves along."""
        self._tracker.shift(clock_ns, offset_ns)
        self._edges.shift(clock_ns)
        self._since += clock_ns
        self._last_message += clock_ns
        if self._waiting:
            self._waiting += clock_ns

    cdef void _look_at_clocks(self, int64_t kernel_ns, int64_t monotonic_ns):
        cdef int64_t jump = (kernel_ns - self._now) - (monotonic_ns - self._monotonic)
        self._now = kernel_ns
        self._monotonic = monotonic_ns
        if -STEP_SEEN <= jump <= STEP_SEEN:
            return
        if self._leaps.is_step(jump, self._tracker.servo.utc(kernel_ns - jump), STEP_SEEN):
            self._moved(jump, 0)
            self._leaps.take()
            return
        # Someone else stepped the clock, by just that much; or the machine slept, and then pulses will differ for long.
        # Another second than the one it leads to is not lightly believed.
        self._moved(jump, jump)
        if self._serves():
            self._give_up(Reason.CLOCK_STEPPED)
        if self._by_system and llabs(jump) > SYSTEM_RIGHT or self._tracker.settled < SETTLED:
            self._restart()
        else:
            self._tracker.mistrust()
            self._labels.forget()
            if self._by_system:
                self._labels.hold()

    cdef void _take_leap(self):
        """Once UTC has passed a leap that the kernel does not take, the offset takes it."""
        cdef int64_t leap = self._leaps.due(self._utc())
        if leap:
            self._tracker.shift(0, leap)
            self._leaps.take()

    def advance(self, int64_t kernel_ns, int64_t monotonic_ns, temperature_mc: int | None = None) -> Order:
        """Both clocks now, read as near to each other as can be; the answer is what the kernel clock should do."""
        cdef double seconds = (monotonic_ns - self._monotonic) * 1e-9
        cdef double frequency, rest
        self._look_at_clocks(kernel_ns, monotonic_ns)
        self._temperature = temperature_mc
        if temperature_mc is None:
            self._tracker.holdover.feel_nothing()
        else:
            self._tracker.holdover.feel(temperature_mc * 1e-3, seconds)
        self._take_leap()
        self._tracker.advance(kernel_ns)
        self._decide()
        if not self._steers or not self._labels.held or not self._tracker.running or self._tracker.settled < SETTLED:
            return Order(self._tracker.servo.steering, 0)
        frequency = -self._tracker.servo.mean_y * 1e-9
        if self._step_asked and not self._serves():
            return Order(max(-MOST, min(MOST, frequency)), -self._clock_offset())
        rest = self._clock_offset() * 1e-9
        return Order(max(-MOST, min(MOST, frequency - max(-SLEW, min(SLEW, rest)))), 0)

    def applied(self, int64_t kernel_ns, double frequency, int64_t step_ns, int64_t monotonic_ns):
        """What the kernel clock did: the adjustment in force (s/s) and the step made; both clocks read after it."""
        if step_ns:
            self._moved(step_ns, step_ns)
            self._steps += 1
            self._step_asked = 0
        self._tracker.servo.steer(kernel_ns, frequency)
        self._now = kernel_ns
        self._monotonic = monotonic_ns

    # What may be said

    def estimate(self) -> Estimate:
        """The discipline's part of the snapshot, at the last reading of the clock."""
        cdef Tracker tracker = self._tracker
        cdef int64_t now = self._now
        cdef int state = self._state if self._config.serving else UNSYNCHRONISED
        cdef bint serves = state == LOCKED or state == HOLDOVER
        cdef bint leaps
        cdef double bound
        cdef int64_t correction, doubt, left = 0, until = 0, unknown
        cdef double rate = -tracker.servo.rate(tracker.servo.steering)
        tracker.servo.propagate(now)
        bound = tracker.bound(0.0)
        correction = -self._clock_offset()
        doubt = min(self._leaps.doubt(now + correction), self._bound_limit_ns // 4)
        # A leap is announced in its last day (RFC 5905 says month; a day is enough and safer).
        leaps = self._leaps.at and self._leaps.at - (now + correction) < DAY
        if serves:
            left = self._holdover_limit_ns
            if state == HOLDOVER:
                until = self._since + self._holdover_limit_ns
                left = until - now
            unknown = self._leaps.unknown(now + correction)
            if unknown and unknown - (now + correction) < DAY:
                # By then what is served must have ended, be it as wrong as it may.
                unknown -= SECOND + self._bound_limit_ns
                unknown = now + <int64_t>((unknown - (now + correction)) / (1.0 + rate))
                until = min(until, unknown) if until else unknown
                left = min(left, until - now)
            left = max(0, min(left, <int64_t>(tracker.time_left(self._bound_limit_ns) * 1e9)))
        return Estimate(
            state=State(state),
            reason=self._reason if self._config.serving else Reason.STOPPED_BY_USER,
            detail=self._detail(),
            leap=(self._leaps.kind if leaps else Leap.NONE) if serves else Leap.UNKNOWN,
            stratum=1 if serves else 0,
            refid=b"PPS\0" if serves else b"\0\0\0\0",
            kernel_ns=now,
            correction_ns=correction,
            correction_rate=rate,
            reference_ns=tracker.reference if self._labels.held or self._second_known else 0,
            bound_ns=llround(min(bound, 4e18)) + doubt,
            bound_rate=max(tracker.bound(3.0) - bound, 0.0) / 3e9 if tracker.running else 15e-6,
            bound_limit_ns=self._bound_limit_ns,
            serve_until_ns=until,
            leap_at_ns=self._leaps.at if leaps else 0,
            leap_by_kernel=self._leaps.by_kernel,
            frequency=tracker.servo.mean_y * 1e-9,
            steering=tracker.servo.steering,
            jitter_ns=llround(tracker.latency.spread()),
            offset_ns=llround(max(-9e18, min(9e18, tracker.offset))),
            state_since_ns=self._since,
            holdover_left_ns=left,
            last_pulse_ns=self._edges.last_ns,
            pulses_accepted=tracker.accepted,
            pulses_rejected=tracker.rejected,
            steps=self._steps,
            labels_agreeing=self._labels.agreeing,
            labels_needed=self._needed(),
            message_delay_ns=self._labels.delay_ns,
        )

    cdef str _detail(self):
        """What the reason alone does not say."""
        cdef int64_t seconds = self._labels.seconds
        if self._reason is Reason.LABELS_DISAGREE and seconds:
            return f"the receiver names a second {llabs(seconds)} s {'before' if seconds > 0 else 'after'} ours"
        if self._reason is Reason.PULSE_NOT_1HZ:
            return f"{self._edges.rate} pulses a second" if self._edges.rate > 1 else "edges at odd intervals"
        if self._reason is Reason.LABELS_AMBIGUOUS:
            return f"messages begin {self._labels.delay_ns // 1000000} ms after the pulse"
        if self._state == UNSYNCHRONISED:
            missing = self._missing()
            if missing is not None and missing is not self._reason:
                return f"now: {missing.name.lower().replace('_', ' ')}"
        return ""

    def drift(self) -> StoredDrift | None:
        """What is worth remembering now; None before the first lock."""
        if not self._ever_locked:
            return None
        cdef double frequency = max(-MOST, min(MOST, self._tracker.servo.mean_y * 1e-9))
        return StoredDrift(
            frequency=frequency,
            frequency_sigma=max(1e-12, min(MOST, sqrt(self._tracker.servo.var_y) * 1e-9)),
            temperature_coefficient=self._tracker.holdover.coefficient * 1e-9 if self._tracker.holdover.knows() else None,
            temperature_mc=self._temperature,
            saved_ns=self._tracker.servo.utc(self._now),
        )
