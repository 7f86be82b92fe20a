# SPDX-License-Identifier: MIT
"""What the receiver's stream tells: plain facts, in the order in which they became known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from stratum1.tracking import Antenna, Jamming, Leap, Reason, Survey


class Stamp(IntEnum):
    """What the time of a message's arrival is of."""

    REPORT = 0
    """gpsd's report of it, written when the burst was over."""
    SENTENCE = 1
    """The end of the sentence that named the time."""
    FIRST_BYTE = 2


@dataclass(frozen=True, slots=True)
class Epoch:
    """One measurement epoch of the receiver: "it was this UTC, and the message about it came then".

    The same epoch (equal `utc_ns` and `arrival_ns`) is told a second time when a later sentence of the same burst
    changes the fix mode. A 10 Hz receiver tells ten epochs a second; `utc_ns` has their fractions.
    """

    utc_ns: int
    """UTC that the message names, Unix nanoseconds; already corrected by `rollovers`."""
    arrival_ns: int
    """CLOCK_REALTIME at which the message came: of the burst's first byte where gpsd saw the pause before it (see
    `stamp`), else of the end of the sentence that named the time. Always after the instant it names."""
    fix_mode: int = 0
    """0 unknown, 1 none, 2 = 2D, 3 = 3D or time only, as gpsd's TPV.mode."""
    utc_valid: bool | None = None
    """True: the receiver has the leap-second data. False: its dialect could say so and does not yet, or it cannot and
    was heard starting cold. None: its dialect cannot tell (plain NMEA), and nothing speaks against it."""
    leap_seconds: int | None = None
    """GPS time minus UTC in seconds as broadcast; TAI - UTC is 19 more. None = not told."""
    rollovers: int = 0
    """How many times 1024 weeks were added to what the receiver said."""
    date_plausible: bool = True
    """False when the date lies before what is known to be past, or absurdly far ahead: never a label."""
    fix_age_ns: int = 0
    """For how long every epoch has had a fix; 0 without one. After 12.5 minutes of fix the whole almanac, leap seconds
    included, has been broadcast once."""
    stamp: Stamp = Stamp.REPORT
    """What `arrival_ns` is of."""
    device: str = ""
    place: Place | None = None
    """Where the receiver believes to be; None without a fix."""


@dataclass(frozen=True, slots=True)
class Place:
    latitude_deg: float
    longitude_deg: float
    error_m: float | None
    """Horizontal, as the receiver or gpsd estimates it; None = not told."""


@dataclass(frozen=True, slots=True)
class Sky:
    used: int
    seen: int


@dataclass(frozen=True, slots=True)
class Device:
    """The receiver as gpsd found it; told again whenever gpsd learns more."""

    name: str
    """As a person would name it: "u-blox NEO-M8T"."""
    path: str
    driver: str = ""
    """gpsd's driver, for example "u-blox" or "NMEA0183"; empty before the first packet."""
    baud: int = 0
    """0 where there is none (USB) or gpsd does not know yet."""

    @property
    def port(self) -> str:
        """For a person: "ttyAMA0 38400", "ttyACM0"."""
        return f"{self.path.removeprefix('/dev/')[-16:]} {self.baud or ''}".strip()


@dataclass(frozen=True, slots=True)
class LeapNotice:
    """What the receiver's UTC data say of the next leap second, while its validity bit is set."""

    leap: Leap
    at_ns: int = 0
    """UTC of the first instant after the leap; 0 = none announced."""
    known_until_ns: int = 0
    """UTC: of all instants before it is known whether there is a leap; 0 = only the announced one is."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Antenna supervision and jamming, from the receivers that have it."""

    antenna: Antenna
    jamming: int | None = None
    """0 (no interference) .. 255 (strong), u-blox MON-HW jamInd; None = not told."""
    jamming_state: Jamming = Jamming.UNKNOWN


@dataclass(frozen=True, slots=True)
class Surveying:
    """How far a timing receiver is with finding out where it stands."""

    state: Survey
    seconds: int
    accuracy_mm: int
    """Standard deviation in 3D."""


@dataclass(frozen=True, slots=True)
class Sawtooth:
    """The receiver's own error of one pulse."""

    utc_ns: int
    """Of the second that the pulse begins."""
    early_ps: int
    """By how much the pulse comes too early: UBX-TIM-TP's qErr, which is to be added to a stamp of the pulse."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Whether the receiver itself finds the signals forged; None = it cannot tell."""

    suspected: bool | None


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing comes any more, and why; told once for each outage, ended by the next Epoch or Device."""

    reason: Reason
    detail: str = ""


Event = Epoch | Sky | Device | LeapNotice | Hardware | Surveying | Sawtooth | Suspicion | Gone
