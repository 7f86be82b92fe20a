# SPDX-License-Identifier: MIT
"""What the snapshot says, as Python sees it; page.pxd holds the same as bytes.

Signs, everywhere: an offset or a frequency of a clock is positive when that clock is
ahead of true time or runs fast; a correction is what is added to the clock's reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class State(IntEnum):
    """The timekeeper's state; docs/architecture.md draws the arrows between them."""

    ACQUIRING = 0
    LOCKED = 1
    HOLDOVER = 2
    UNSYNCHRONISED = 3

    @property
    def serves(self) -> bool:
        """Whether time in this state may be claimed to be good (LI other than 3)."""
        return self in (State.LOCKED, State.HOLDOVER)


class Leap(IntEnum):
    """Leap indicator, RFC 5905 figure 9."""

    NONE = 0
    INSERT = 1
    DELETE = 2
    UNKNOWN = 3


class Reason(IntEnum):
    """Why the state is what it is; words.py turns each into what a person reads."""

    NONE = 0
    STARTING = 1
    NO_GPSD = 2
    NO_RECEIVER = 3
    NO_MESSAGES = 4
    NO_FIX = 5
    UTC_UNVERIFIED = 6
    DATE_IMPLAUSIBLE = 7
    NO_PULSE_DEVICE = 8
    NO_PULSE = 9
    PULSE_NOT_1HZ = 10
    LABELS_AMBIGUOUS = 11
    LABELS_DISAGREE = 12
    SETTLING = 13
    TRACKING = 14
    PULSE_LOST = 15
    FIX_LOST = 16
    MESSAGES_LOST = 17
    PULSE_OUTLIERS = 18
    BOUND_EXCEEDED = 19
    HOLDOVER_EXPIRED = 20
    CLOCK_STEPPED = 21
    STOPPED_BY_USER = 22
    TIMEKEEPER_SILENT = 23
    SPOOFING_SUSPECTED = 24
    LEAP_UNKNOWN = 25


class Antenna(IntEnum):
    """What the receiver says of its antenna (u-blox MON-HW); most cannot say."""

    UNKNOWN = 0
    OK = 1
    OPEN = 2
    SHORT = 3


class Survey(IntEnum):
    """Whether a timing receiver is finding out where it stands (u-blox NAV-SVIN, TIM-SVIN)."""

    UNKNOWN = 0
    """Not surveying, or a receiver that cannot."""
    RUNNING = 1
    DONE = 2
    """The position is held: from now on every satellite serves the time alone."""


class Jamming(IntEnum):
    """The receiver's own verdict on interference (u-blox MON-HW and MON-RF)."""

    UNKNOWN = 0
    OK = 1
    WARNING = 2
    """There is interference, and still a fix."""
    CRITICAL = 3
    """There is interference, and no fix."""


class Spoofing(IntEnum):
    """Whether the satellites' signals may be somebody's forgery."""

    UNKNOWN = 0
    NONE = 1
    SUSPECTED = 2


class SpoofingEvidence(IntFlag):
    """What a suspicion rests on."""

    NONE = 0
    RECEIVER = 1
    """The receiver itself says so (u-blox NAV-STATUS)."""
    TIME_JUMP = 2
    POSITION_JUMP = 4
    SERVERS = 8
    """The time servers asked besides disagree."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent reading of the tracking page.

    served time = kernel time + correction_ns + correction_rate * (kernel time - kernel_ns)
    """

    state: State = State.ACQUIRING
    reason: Reason = Reason.STARTING
    detail: str = ""
    """What the reason alone does not say, for a person; at most 127 bytes of UTF-8."""
    leap: Leap = Leap.UNKNOWN
    stratum: int = 0
    """As on the wire: 1..15, or 0 when unsynchronised."""
    refid: bytes = b"\0\0\0\0"
    precision: int = -20
    """log2 seconds, RFC 5905 section 7.3."""

    kernel_ns: int = 0
    """CLOCK_REALTIME at which correction and bound hold."""
    correction_ns: int = 0
    """Added to the kernel clock at `kernel_ns` gives UTC."""
    correction_rate: float = 0.0
    """Change of the correction per second of kernel time (s/s)."""
    realtime_minus_monotonic_ns: int = 0
    """CLOCK_REALTIME - CLOCK_MONOTONIC when written: a reader sees by it that someone stepped the clock."""
    reference_ns: int = 0
    """UTC of the last accepted pulse; 0 before the first."""

    bound_ns: int = 0
    """|served - true time| at `kernel_ns` is at most this; the root dispersion."""
    bound_rate: float = 15e-6
    """Growth of the bound per second if no more pulses come (s/s); readers use 15e-6 once the snapshot is stale."""
    bound_limit_ns: int = 10_000_000
    """Loss policy: beyond this nobody is served."""
    serve_until_ns: int = 0
    """Loss policy: kernel time after which nobody is served, whatever the bound; 0 = no such limit."""
    root_delay_ns: int = 0
    leap_at_ns: int = 0
    """UTC at which the announced leap takes effect (the first instant after 23:59:59); 0 = none announced."""
    leap_by_kernel: bool = False
    """True when the kernel clock itself will take the leap; else the reader of this snapshot must."""

    frequency: float = 0.0
    """Estimated frequency error of the kernel clock were it not steered (s/s)."""
    steering: float = 0.0
    """Frequency adjustment in force in the kernel (s/s); 0 with steering off."""
    jitter_ns: int = 0
    """RMS of the pulses about the estimate."""
    offset_ns: int = 0
    """Last pulse: estimate of the served clock minus pulse."""
    state_since_ns: int = 0
    """Kernel time at which this state began."""
    holdover_left_ns: int = 0
    """In LOCKED and HOLDOVER: how long time could be served without pulses from now."""
    last_pulse_ns: int = 0
    """Kernel time of the last edge seen, accepted or not; 0 = never."""
    pulses_accepted: int = 0
    pulses_rejected: int = 0
    steps: int = 0
    """How often the served time was stepped since start."""

    temperature_mc: int | None = None
    """Millidegrees Celsius near the oscillator."""
    fix_mode: int = 0
    """0 unknown, 1 none, 2 = 2D, 3 = 3D or time only, as gpsd's TPV.mode."""
    utc_valid: bool = False
    satellites_used: int = 0
    satellites_seen: int = 0
    antenna: Antenna = Antenna.UNKNOWN
    survey_state: Survey = Survey.UNKNOWN
    survey_s: int = 0
    """For how long the position has been surveyed."""
    survey_accuracy_mm: int = 0
    """Standard deviation of the surveyed position, in 3D; 0 = not told."""
    jamming: int = 0
    """0 = unknown or none, 255 = strong, the receiver's indicator of continuous-wave interference."""
    jamming_state: Jamming = Jamming.UNKNOWN
    spoofing: Spoofing = Spoofing.UNKNOWN
    spoofing_evidence: SpoofingEvidence = SpoofingEvidence.NONE
    rollovers: int = 0
    """How many times 1024 weeks were added to the date that the receiver told."""
    standby_pulses: int = 0
    """Other sources of pulses that could take over at once."""
    quantisation_ps: int | None = None
    """What the receiver said of its last pulse's quantisation (u-blox TIM-TP qErr); None = it does not."""
    tai_offset: int = 0
    """TAI - UTC in seconds; 0 = not known."""
    labels_agreeing: int = 0
    labels_needed: int = 0
    message_delay_ns: int = 0
    """Median delay of a burst's first byte after its pulse."""
    receiver_port: str = ""
    """Where the receiver is heard: "ttyAMA0 38400", empty while it is not; at most 23 bytes of UTF-8."""
    receiver: str = ""
    """Receiver as a person would name it; at most 63 bytes of UTF-8."""
    pulse_device: str = ""
    """Where the pulses come from; at most 63 bytes of UTF-8."""
