# SPDX-License-Identifier: MIT
"""The one face of the discipline: what happened comes in, what to do and to say goes out."""

from libc.math cimport fabs, llround, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport llabs

from stratum1.discipline.labels cimport (
    LABEL_AGREES, LABEL_AMBIGUOUS, LABEL_DIFFERS, Labels, Verdict,
)
from stratum1.discipline.latency cimport Latency
from stratum1.discipline.servo cimport Servo
from stratum1.timescale cimport floor_seconds

from stratum1.discipline.types import Config, Estimate, Order, StoredDrift
from stratum1.tracking.snapshot import Leap, Reason, State

cdef enum:
    ACQUIRING = 0
    LOCKED = 1
    HOLDOVER = 2
    UNSYNCHRONISED = 3

cdef int64_t SECOND = 1000000000
cdef int64_t PULSES_GONE = 3 * SECOND          # loss policy: no good pulse for longer than this
cdef int64_t MESSAGES_GONE = 5 * SECOND
cdef int64_t STEP_SEEN = 500000                # as TRACKING_STEP_NS: no slew moves realtime - monotonic so
cdef int DISTRUST = 3                          # messages in a row that name another second
cdef int CONVINCED = 600                       # until another second than the one served is believed
cdef int BELIEVE = 60                          # outliers in a row that agree make a step
cdef int SETTLED = 4                           # pulses
cdef double FIRST_FREQUENCY = 100e3            # ns/s: crystals are within 100 ppm
cdef double SLEW = 100e-6                      # s/s: most that is spent on working off a rest
cdef int64_t LEAST_STEP = 1000                 # ns: less is slewed
cdef double COVER = 4.5                        # standard errors in the bound


cdef class Discipline:
    """See docs/timekeeping.md.  Not for more than one thread.

    Call begin() once; then each thing as it happens; advance() once a second and after each
    pulse, and applied() with what the clock made of the order.
    """

    cdef object _config
    cdef Servo _servo
    cdef Servo _rival
    cdef readonly Latency _latency
    cdef Labels _labels

    # settings
    cdef int64_t _delay_ns
    cdef int _edge_wanted           # 0 auto, 1 assert, 2 clear
    cdef bint _by_system
    cdef bint _steers

    # clocks
    cdef int64_t _now
    cdef int64_t _monotonic
    cdef bint _begun

    # state
    cdef int _state
    cdef object _reason
    cdef int64_t _since
    cdef bint _ever_locked
    cdef object _why_unsynchronised
    cdef bint _second_known         # a second was served and the clock not stepped since

    # pulses
    cdef bint _running              # the servo has a phase
    cdef bint _leading_clear
    cdef int64_t _last_assert, _last_clear, _last_edge, _last_accepted, _irregular
    cdef int _assert_sequence, _clear_sequence
    cdef bint _assert_seen, _clear_seen
    cdef int _polarity_votes
    cdef int _rate                  # pulses per second
    cdef int _rate_votes, _rate_candidate
    cdef int _settled
    cdef int _rival_count
    cdef int _returned              # good pulses in a row since the last gap
    cdef object _pulses_reason
    cdef uint64_t _accepted, _rejected
    cdef int64_t _reference
    cdef double _offset
    cdef double _jitter

    # messages
    cdef object _messages_reason
    cdef int64_t _last_message
    cdef bint _fix, _utc_bad
    cdef int _ambiguous

    # leap seconds
    cdef object _leap
    cdef int64_t _leap_at
    cdef bint _leap_by_kernel

    cdef object _temperature
    cdef int _steps
    cdef int _step_asked            # orders to step that the clock has not obeyed
    cdef object _stored

    def __init__(self, config: Config):
        self._servo = Servo()
        self._rival = Servo()
        self._latency = Latency()
        self._labels = Labels()
        self._state = ACQUIRING
        self._reason = Reason.STARTING
        self._why_unsynchronised = None
        self._messages_reason = Reason.NO_MESSAGES
        self._pulses_reason = Reason.NO_PULSE
        self._leap = Leap.NONE
        self._rate = 1
        self.reconfigure(config)

    def reconfigure(self, config: Config):
        """Take over changed settings; no lock is lost."""
        self._config = config
        self._delay_ns = config.delay_ns
        self._edge_wanted = {"auto": 0, "assert": 1, "clear": 2}[config.edge]
        self._by_system = config.labels == "system"
        self._steers = config.steers

    def begin(self, int64_t kernel_ns, int64_t monotonic_ns, double steering=0.0, drift: StoredDrift | None = None):
        """Start: both clocks now, the frequency adjustment already in force (s/s), what was remembered."""
        self._now = kernel_ns
        self._monotonic = monotonic_ns
        self._since = kernel_ns
        self._begun = True
        self._stored = drift if drift is not None and drift.sane() else None
        self._servo.steer(kernel_ns, steering)
        self._servo.earlier_steering = steering

    # What happened

    def message(self, int64_t utc_ns, int64_t arrival_ns, bint fix, utc_valid: bool | None):
        """The receiver named a second: UTC, kernel time of the burst's first byte, whether it has a fix.

        `utc_valid` is False while the receiver itself doubts its leap seconds, None when it cannot tell.
        """
        cdef int64_t late
        cdef Verdict verdict
        self._messages_reason = None
        self._last_message = arrival_ns
        self._fix = fix
        self._utc_bad = utc_valid is False
        if self._by_system or not fix or self._utc_bad:
            if not self._by_system:
                self._labels.agreeing = 0
            return
        late = utc_ns - floor_seconds(utc_ns) * SECOND
        if late > 5000000 and late < SECOND - 5000000:
            return      # a receiver of more than one fix per second, between the seconds
        if not self._running or self._settled < 2:
            return
        verdict = self._labels.feed(self._servo.utc(arrival_ns) - utc_ns)
        self._ambiguous = self._ambiguous + 1 if verdict == LABEL_AMBIGUOUS else 0
        if not self._labels.held and self._labels.agreeing >= self._agreement():
            self._establish(self._labels.seconds)

    cdef int _agreement(self):
        if self._second_known and self._labels.seconds != 0:
            return CONVINCED
        return self._labels.needed()

    cdef void _establish(self, int64_t seconds):
        self._servo.shift(0, seconds * SECOND)
        self._labels.hold()
        self._second_known = False

    def messages_lost(self, reason: Reason):
        """No messages can come: gpsd gone, receiver unplugged, messages ceased."""
        self._messages_reason = reason

    def pulses_lost(self, reason: Reason):
        """No pulses can come: there is no device."""
        self._pulses_reason = reason

    def leap(self, leap: Leap, int64_t at_ns, bint by_kernel):
        """The announced leap second and the first instant after 23:59:59 (UTC ns); 0 = none."""
        if at_ns == 0 or leap not in (Leap.INSERT, Leap.DELETE):
            self._leap = Leap.NONE
            self._leap_at = 0
        else:
            self._leap = leap
            self._leap_at = at_ns
        self._leap_by_kernel = by_kernel

    def edge(self, int64_t sequence, int64_t stamp_ns, bint clear=False, double qerr_ns=0.0):
        """An edge, stamped by the kernel clock.  `qerr_ns`: how late the receiver says it gave this pulse."""
        cdef int64_t interval, previous
        if clear:
            if self._clear_seen and stamp_ns == self._last_clear:
                return
            self._clear_seen = True
            previous = self._last_clear
            self._last_clear = stamp_ns
            self._vote(self._last_assert, stamp_ns, 1)
        else:
            if self._assert_seen and stamp_ns == self._last_assert:
                return
            self._assert_seen = True
            previous = self._last_assert
            self._last_assert = stamp_ns
            self._vote(self._last_clear, stamp_ns, -1)
        if clear != self._uses_clear():
            return
        self._pulses_reason = None
        self._last_edge = stamp_ns
        self._count_rate(stamp_ns, stamp_ns - previous if previous else 0)
        if not self._source_good():
            return
        self._pulse(stamp_ns, stamp_ns - self._delay_ns - llround(qerr_ns))

    cdef void _vote(self, int64_t first_ns, int64_t second_ns, int vote):
        """The leading edge is the one that the other follows within half a period."""
        cdef int64_t width = second_ns - first_ns
        if first_ns == 0 or width <= 0 or width >= SECOND:
            return
        if width < 450000000:
            self._polarity_votes += vote
        elif width > 550000000:
            self._polarity_votes -= vote
        self._polarity_votes = max(-8, min(8, self._polarity_votes))

    cdef bint _uses_clear(self):
        if self._edge_wanted:
            return self._edge_wanted == 2
        if self._state == LOCKED or self._state == HOLDOVER:
            return self._leading_clear
        cdef bint leading = self._leading_clear
        if self._polarity_votes >= 3:
            leading = False
        elif self._polarity_votes <= -3:
            leading = True
        elif not self._assert_seen and self._clear_seen:
            leading = True
        if leading != self._leading_clear:
            self._leading_clear = leading
            self._restart()
        return leading

    cdef void _restart(self):
        """Forget the phase and the seconds; the frequency stays."""
        self._running = False
        self._settled = 0
        self._rival_count = 0
        self._labels.forget()

    cdef void _count_rate(self, int64_t stamp_ns, int64_t interval):
        cdef int rate
        cdef int64_t rest
        if interval <= 0:
            return
        rest = interval % SECOND
        if rest > SECOND // 2:
            rest = SECOND - rest
        if rest > 2000000:
            self._irregular = stamp_ns
        rate = <int>((SECOND + interval // 2) // interval) if interval < SECOND else 1
        if rate < 1 or rate > 20 or fabs(<double>interval * rate - 1e9) > 5e6:
            rate = 0
        if rate != 0 and rate == self._rate_candidate:
            self._rate_votes += 1
            if self._rate_votes >= 2 * rate + 2 and 1000000000 % rate == 0:
                self._rate = rate
        else:
            self._rate_candidate = rate
            self._rate_votes = 1

    cdef bint _source_good(self):
        if self._by_system:
            return True
        return (self._messages_reason is None and self._fix and not self._utc_bad
                and self._labels.differing < DISTRUST)

    cdef int64_t _named(self, int64_t stamp_ns):
        """UTC of the pulse slot nearest to a stamp."""
        cdef int64_t slot = SECOND // self._rate
        cdef int64_t utc = self._servo.utc(stamp_ns)
        cdef int64_t second = floor_seconds(utc) * SECOND
        return second + (utc - second + slot // 2) // slot * slot

    cdef void _pulse(self, int64_t seen_ns, int64_t stamp_ns):
        cdef double innovation, foretold, y, sigma
        cdef int64_t utc
        if not self._running:
            self._first_pulse(stamp_ns)
            return
        self._servo.propagate(stamp_ns)
        utc = self._named(stamp_ns)
        innovation = self._servo.innovation(stamp_ns, utc)
        foretold = self._servo.var_x
        if self._servo.update(innovation, &self._latency.shape) < 0.5:
            self._rejected += 1
            self._returned = 0
            self._outlier(stamp_ns, utc)
            return
        self._rival_count = 0
        self._servo.move(self._latency.learn(innovation, foretold))
        if self._settled < 1000000:
            self._settled += 1
        if self._returned < 1000000:
            self._returned += 1
        self._accepted += 1
        self._last_accepted = seen_ns
        self._reference = utc
        self._offset = -innovation

    cdef void _first_pulse(self, int64_t stamp_ns):
        cdef double y = self._servo.mean_y
        cdef double sigma = sqrt(self._servo.var_y)
        cdef int64_t utc
        if sigma == 0.0:
            y = 0.0
            sigma = FIRST_FREQUENCY
            if self._stored is not None:
                y = self._stored.frequency * 1e9
                sigma = max(3e9 * self._stored.frequency_sigma, 1000.0)
        if self._second_known or self._labels.held:
            utc = floor_seconds(self._servo.utc(stamp_ns) + SECOND // 2) * SECOND
        else:
            utc = floor_seconds(stamp_ns + SECOND // 2) * SECOND
        self._servo.start(stamp_ns, utc, 3.0 * self._latency.spread(), y, sigma)
        self._running = True
        self._settled = 1
        self._accepted += 1
        self._last_accepted = stamp_ns
        self._reference = utc
        if self._by_system and not self._labels.held:
            self._labels.agreeing = 1
            self._labels.hold()

    cdef void _outlier(self, int64_t stamp_ns, int64_t utc):
        """Outliers that agree with one another for long enough are a step."""
        cdef double innovation
        if self._rival_count:
            self._rival.steering = self._servo.steering
            self._rival.propagate(stamp_ns)
            utc = floor_seconds(self._rival.utc(stamp_ns) + SECOND // 2) * SECOND
            innovation = self._rival.innovation(stamp_ns, utc)
            if self._rival.update(innovation, &self._latency.shape) >= 0.5:
                self._rival_count += 1
                if self._rival_count >= (BELIEVE if self._state in (LOCKED, HOLDOVER) else 5):
                    self._believe()
                return
            self._latency.strike()
        self._rival.steering = self._servo.steering
        self._rival.start(stamp_ns, utc, 3.0 * self._latency.spread(), self._servo.mean_y,
                          sqrt(self._servo.var_y) + 1000.0)
        self._rival_count = 1

    cdef void _believe(self):
        """The outliers were right; what was served was not, so this passes through LI=3."""
        self._servo, self._rival = self._rival, self._servo
        self._rival_count = 0
        self._settled = SETTLED
        if self._state == LOCKED or self._state == HOLDOVER:
            self._give_up(Reason.PULSE_OUTLIERS)

    cdef void _give_up(self, reason):
        self._enter(UNSYNCHRONISED, reason)
        self._why_unsynchronised = reason
        self._second_known = self._labels.held and not self._by_system
        if not self._by_system:
            self._labels.forget()

    cdef void _enter(self, int state, reason):
        if state != self._state:
            self._since = self._now
        self._state = state
        self._reason = reason

    # What to do

    cdef void _moved(self, int64_t delta_ns, int64_t offset_ns):
        """The clock's readings jumped by delta_ns: every instant kept moves along."""
        self._servo.shift(delta_ns, offset_ns)
        self._rival_count = 0
        self._since += delta_ns
        if self._last_assert:
            self._last_assert += delta_ns
        if self._last_clear:
            self._last_clear += delta_ns
        if self._last_edge:
            self._last_edge += delta_ns
        if self._last_accepted:
            self._last_accepted += delta_ns
        if self._last_message:
            self._last_message += delta_ns
        self._irregular += delta_ns

    cdef void _look_at_clocks(self, int64_t kernel_ns, int64_t monotonic_ns):
        cdef int64_t jump = (kernel_ns - self._now) - (monotonic_ns - self._monotonic)
        cdef int64_t leap = 0
        self._now = kernel_ns
        self._monotonic = monotonic_ns
        if self._leap_at and self._leap_by_kernel:
            leap = -SECOND if self._leap == Leap.INSERT else SECOND
            if (-STEP_SEEN <= jump - leap <= STEP_SEEN
                    and -1100000000 <= self._servo.utc(kernel_ns) - leap - self._leap_at <= 5 * SECOND):
                self._moved(jump, 0)
                self._leap_at = 0
                self._leap = Leap.NONE
                return
        if -STEP_SEEN <= jump <= STEP_SEEN:
            return
        # Someone else stepped the clock, or the machine slept: what the clock was off by is hearsay now.
        self._moved(jump, jump)
        if self._state == LOCKED or self._state == HOLDOVER:
            self._give_up(Reason.CLOCK_STEPPED)
        self._second_known = False
        self._labels.forget()
        self._running = False
        self._settled = 0

    cdef void _take_leap(self):
        """Once UTC has passed a leap that the kernel does not take, the offset takes it."""
        cdef int64_t utc
        if not self._leap_at:
            return
        utc = self._servo.utc(self._now)
        if self._leap == Leap.DELETE:
            utc += SECOND
        if utc < self._leap_at + (100000000 if self._leap_by_kernel else 0):
            return
        self._servo.shift(0, SECOND if self._leap == Leap.INSERT else -SECOND)
        self._leap_at = 0
        self._leap = Leap.NONE

    cdef object _trouble(self):
        """Why there is no time to be had from the receiver now; None when all is well."""
        if not self._by_system:
            if self._messages_reason is not None:
                return self._messages_reason
            if self._now - self._last_message > MESSAGES_GONE:
                return Reason.NO_MESSAGES
            if not self._fix:
                return Reason.NO_FIX
            if self._utc_bad:
                return Reason.UTC_UNVERIFIED
        if self._pulses_reason is not None:
            return self._pulses_reason
        if self._now - self._last_edge > PULSES_GONE:
            return Reason.NO_PULSE
        if self._labels.differing >= DISTRUST:
            return Reason.LABELS_DISAGREE
        return None

    cdef object _not_ready(self):
        """What is still wanted before the first lock; None when ready."""
        if self._rate != 1 and not self._second_known or self._now - self._irregular < 5 * SECOND:
            return Reason.PULSE_NOT_1HZ
        if self._now - self._last_accepted > PULSES_GONE:
            return Reason.PULSE_OUTLIERS
        if not self._labels.held:
            if self._ambiguous >= 3:
                return Reason.LABELS_AMBIGUOUS
            if self._second_known and self._labels.seconds != 0:
                return Reason.LABELS_DISAGREE
            return Reason.SETTLING
        if self._settled < SETTLED or self._bound(self._now) > min(self._config.bound_limit_ns / 2.0, 1e6):
            return Reason.SETTLING
        return None

    cdef void _decide(self):
        trouble = self._trouble()
        if self._state == LOCKED or self._state == HOLDOVER:
            if self._bound(self._now) > self._config.bound_limit_ns:
                self._give_up(Reason.BOUND_EXCEEDED)
            elif trouble is not None:
                self._hold_over({
                    Reason.NO_PULSE: Reason.PULSE_LOST, Reason.NO_FIX: Reason.FIX_LOST,
                    Reason.NO_MESSAGES: Reason.MESSAGES_LOST,
                }.get(trouble, trouble))
            elif self._now - self._last_accepted > PULSES_GONE:
                self._hold_over(Reason.PULSE_OUTLIERS)
            elif self._state == HOLDOVER and self._returned >= 3:
                self._enter(LOCKED, Reason.TRACKING)
            if self._state == HOLDOVER and self._now - self._since > self._config.holdover_limit_ns:
                self._give_up(Reason.HOLDOVER_EXPIRED)
            if self._state == HOLDOVER and self._labels.differing >= CONVINCED:
                self._give_up(Reason.LABELS_DISAGREE)
                self._second_known = False
            return
        if trouble is not None and self._state == UNSYNCHRONISED:
            self._reason = self._why_unsynchronised
            return
        if trouble is None:
            trouble = self._not_ready()
        if trouble is None and self._wants_step():
            self._step_asked += 1
            trouble = Reason.SETTLING
        if trouble is None:
            self._ever_locked = True
            self._step_asked = 0
            self._enter(LOCKED, Reason.TRACKING)
        elif self._state == UNSYNCHRONISED and trouble == Reason.SETTLING:
            self._reason = self._why_unsynchronised
        else:
            self._reason = trouble

    cdef bint _wants_step(self):
        """The kernel clock is moved before the first lock, and moved back when someone else moved it.

        When nobody obeys (no permission), the correction carries it all.
        """
        if not self._steers or self._step_asked > 3:
            return False
        if self._ever_locked and self._why_unsynchronised != Reason.CLOCK_STEPPED:
            return False
        return llabs(self._clock_offset()) > max(LEAST_STEP, 5.0 * self._latency.spread())

    cdef int64_t _clock_offset(self):
        return self._servo.whole_ns + llround(self._servo.offset(self._now))

    cdef void _hold_over(self, reason):
        self._returned = 0
        self._enter(HOLDOVER, reason)

    def advance(self, int64_t kernel_ns, int64_t monotonic_ns, temperature_mc: int | None = None) -> Order:
        """Both clocks now, read as near to each other as can be; the answer is what the kernel clock should do."""
        cdef double wanted, rest
        cdef int64_t offset
        self._look_at_clocks(kernel_ns, monotonic_ns)
        self._temperature = temperature_mc
        self._take_leap()
        self._servo.propagate(kernel_ns)
        self._decide()
        if not self._steers or not self._running or not self._labels.held or self._settled < SETTLED:
            return Order(self._servo.steering, 0)
        offset = self._clock_offset()
        if self._step_asked and self._state != LOCKED and self._state != HOLDOVER:
            return Order(-self._servo.mean_y * 1e-9, -offset)
        rest = max(-SLEW, min(SLEW, <double>offset * 1e-9))
        wanted = -self._servo.mean_y * 1e-9 - rest
        return Order(max(-500e-6, min(500e-6, wanted)), 0)

    def applied(self, int64_t kernel_ns, double frequency, int64_t step_ns, int64_t monotonic_ns):
        """What the kernel clock did: the adjustment in force (s/s) and the step made, both clocks read after it."""
        if step_ns:
            self._moved(step_ns, step_ns)
            self._steps += 1
            self._step_asked = 0
        self._servo.steer(kernel_ns, frequency)
        self._now = kernel_ns
        self._monotonic = monotonic_ns

    # What to say

    cdef double _bound(self, int64_t kernel_ns):
        if not self._running:
            return 9e18
        return COVER * self._servo.sigma_at(0.0) + self._latency.unknown() + 5.0

    def estimate(self) -> Estimate:
        """The discipline's part of the snapshot, at the last reading of the clock."""
        cdef int64_t now = self._now
        cdef bint stopped = not self._config.serving
        cdef int state = UNSYNCHRONISED if stopped else self._state
        cdef bint serves = state == LOCKED or state == HOLDOVER
        cdef double bound = self._bound(now)
        cdef double growth
        cdef int64_t correction, near
        cdef int64_t left = 0, until = 0
        self._servo.propagate(now)
        correction = -(self._servo.whole_ns + llround(self._servo.offset(now)))
        growth = max(COVER * (self._servo.sigma_at(5.0) - self._servo.sigma_at(0.0)), 0.0) / 5e9 if self._running else 15e-6
        near = self._leap_at - (now + correction)
        if serves:
            left = self._config.holdover_limit_ns
            if state == HOLDOVER:
                until = self._since + self._config.holdover_limit_ns
                left = until - now
            left = max(0, min(left, self._left(bound)))
        return Estimate(
            state=State(state),
            reason=Reason.STOPPED_BY_USER if stopped else self._reason,
            detail="",
            leap=(self._leap if self._leap_at and near < 86400 * SECOND else Leap.NONE) if serves else Leap.UNKNOWN,
            stratum=1 if serves else 0,
            refid=b"PPS\0" if serves else b"\0\0\0\0",
            kernel_ns=now,
            correction_ns=correction,
            correction_rate=-self._servo.rate(self._servo.steering),
            reference_ns=self._reference,
            bound_ns=llround(min(bound, 4e18)),
            bound_rate=growth,
            bound_limit_ns=self._config.bound_limit_ns,
            serve_until_ns=until,
            leap_at_ns=self._leap_at if self._leap_at and near < 86400 * SECOND else 0,
            leap_by_kernel=self._leap_by_kernel,
            frequency=self._servo.mean_y * 1e-9,
            steering=self._servo.steering,
            jitter_ns=llround(self._latency.spread()),
            offset_ns=llround(max(-9e18, min(9e18, self._offset))),
            state_since_ns=self._since,
            holdover_left_ns=left,
            last_pulse_ns=self._last_edge,
            pulses_accepted=self._accepted,
            pulses_rejected=self._rejected,
            steps=self._steps,
            labels_agreeing=self._labels.agreeing,
            labels_needed=self._agreement(),
            message_delay_ns=self._labels.delay_ns,
        )

    cdef int64_t _left(self, double bound):
        """How long (ns) until the bound passes the limit if no more pulses come."""
        cdef double low = 0.0, high = 30.0 * 86400.0, middle
        cdef int i
        if bound > self._config.bound_limit_ns:
            return 0
        for i in range(20):
            middle = 0.5 * (low + high)
            if COVER * self._servo.sigma_at(middle) + 5.0 > self._config.bound_limit_ns:
                high = middle
            else:
                low = middle
        return <int64_t>(low * 1e9)

    def drift(self) -> StoredDrift | None:
        """What is worth remembering now; None before the first lock."""
        if not self._ever_locked:
            return None
        return StoredDrift(
            frequency=self._servo.mean_y * 1e-9,
            frequency_sigma=max(sqrt(self._servo.var_y) * 1e-9, 1e-12),
            temperature_coefficient=None,
            temperature_mc=self._temperature,
            saved_ns=self._servo.utc(self._now),
        )
