# SPDX-License-Identifier: MIT
"""What receivers say that gpsd's reports leave out: leap-second validity, leaps to come, antenna, jamming, survey,
the quantisation of pulses, suspicion of forged signals, model, and the date before gpsd has moved it.

gpsd repeats to its watchers each sentence as text and each UBX frame as hex, checksums verified (gpsd_json(5), "raw").
UBX layouts: u-blox 8/M8 Receiver Description and its later interface descriptions.
"""

from __future__ import annotations

import calendar
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from stratum1.timescale import GPS_EPOCH_NS, NS_PER_S
from stratum1.tracking import Antenna, Jamming, Survey


@dataclass(frozen=True, slots=True)
class LeapSeconds:
    """GPS - UTC as received from a satellite; None: the receiver says that it has not been received."""

    value: int | None


@dataclass(frozen=True, slots=True)
class TimeResolved:
    """Whether the receiver vouches for the second of its UTC."""

    resolved: bool


@dataclass(frozen=True, slots=True)
class LeapToCome:
    """`change` seconds (+1, -1 or 0 = none announced) in `seconds_left` from the present epoch."""

    change: int
    seconds_left: int


@dataclass(frozen=True, slots=True)
class AntennaState:
    antenna: Antenna
    jamming: int | None
    jamming_state: Jamming = Jamming.UNKNOWN


@dataclass(frozen=True, slots=True)
class SurveyState:
    state: Survey
    seconds: int
    accuracy_mm: int
    """Standard deviation in 3D."""


@dataclass(frozen=True, slots=True)
class SpoofingState:
    """The receiver's own opinion; None: it has none."""

    suspected: bool | None


@dataclass(frozen=True, slots=True)
class PulseQuantisation:
    """UBX-TIM-TP: the pulse of this time of the week came, or comes, `picoseconds` too early; None: not known."""

    week_ms: int
    utc: bool
    """Whether `week_ms` counts UTC; else GPS time."""
    picoseconds: int | None


@dataclass(frozen=True, slots=True)
class OwnDate:
    """Some instant of about the present as the receiver itself tells it, to two days."""

    unix_ns: int


@dataclass(frozen=True, slots=True)
class Model:
    """Words for `naming.receiver_name`."""

    words: str


Fact = (
    LeapSeconds
    | TimeResolved
    | LeapToCome
    | AntennaState
    | SurveyState
    | SpoofingState
    | PulseQuantisation
    | OwnDate
    | Model
)

_WEEK_MS = 604_800_000
_MOST_QUANTISATION_PS = 1_000_000
"""No receiver's clock is slower than 1 MHz."""

_UBX_ANTENNA = {2: Antenna.OK, 3: Antenna.SHORT, 4: Antenna.OPEN}
_TEXT_ANTENNA = (("OPEN", Antenna.OPEN), ("SHORT", Antenna.SHORT), ("OK", Antenna.OK))
_TEXT_HARDWARE = re.compile(r"HW +UBX[-A-Z0-9]* +([0-9A-F]{8})")
_MTK_ANTENNA = {"1": Antenna.SHORT, "3": Antenna.OK}


def facts(line: bytes) -> tuple[Fact, ...]:
    """What a line of gpsd's raw stream tells beyond its reports; nothing for nearly every line."""
    if line.startswith(b"b562"):
        return _ubx(line)
    if line.startswith(b"$"):
        try:
            told = _sentence(line)
        except (ValueError, IndexError):
            return ()
        return () if told is None else (told,)
    return ()


def _ubx(line: bytes) -> tuple[Fact, ...]:
    decoders = _FRAMES.get(line[4:8])
    if decoders is None:
        return ()
    try:
        frame = bytes.fromhex(line.strip().decode("ascii"))
        (length,) = struct.unpack_from("<H", frame, 4)
        payload = frame[6 : 6 + length]
        told = [decode(payload) for decode in decoders] if len(payload) == length else []
    except (ValueError, IndexError, OverflowError, struct.error):
        return ()
    return tuple(one for one in told if one is not None)


def _timegps(payload: bytes) -> LeapSeconds:
    leap, valid = struct.unpack_from("<bB", payload, 10)
    return LeapSeconds(leap if valid & 4 else None)


def _timels(payload: bytes) -> Fact | None:
    change_source, change, left, valid = struct.unpack_from("<BbixxxxxxxB", payload, 10)
    if not valid & 2 or change_source == 0 or abs(change) > 1:
        return None
    # A leap of the past is told too, with its age as a negative time.
    return LeapToCome(change, left) if left > 0 else LeapToCome(0, 0)


def _timeutc(payload: bytes) -> TimeResolved:
    return TimeResolved(bool(payload[19] & 4))


def _pvt(payload: bytes) -> TimeResolved:
    return TimeResolved(payload[11] & 7 == 7)


def _date_of_pvt(payload: bytes) -> OwnDate | None:
    # The date counts as known before the second does.
    return _day(*struct.unpack_from("<HBB", payload, 4)) if payload[11] & 1 else None


def _date_of_timeutc(payload: bytes) -> OwnDate | None:
    return _day(*struct.unpack_from("<HBB", payload, 12)) if payload[19] & 2 else None


def _date_of_week(payload: bytes) -> OwnDate | None:
    """NAV-TIMEGPS and NAV-SOL have the week at the same place, and their validity bits at different ones."""
    (week,) = struct.unpack_from("<h", payload, 8)
    known = payload[11] & 2 if len(payload) == 16 else payload[11] & 4
    return OwnDate(GPS_EPOCH_NS + (week * 7 + 3) * 86_400 * NS_PER_S) if known and week > 0 else None


def _day(year: int, month: int, day: int) -> OwnDate | None:
    if not (1980 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    return OwnDate(calendar.timegm((year, month, day, 12, 0, 0)) * NS_PER_S)


def _status(payload: bytes) -> SpoofingState:
    detected = payload[7] >> 3 & 3
    return SpoofingState(None if detected == 0 else detected >= 2)


def _pulse(payload: bytes) -> PulseQuantisation | None:
    week_ms, _, picoseconds, _, flags = struct.unpack_from("<IIiHB", payload)
    if week_ms >= _WEEK_MS:
        return None
    known = not flags & 16 and abs(picoseconds) <= _MOST_QUANTISATION_PS
    return PulseQuantisation(week_ms, bool(flags & 1), picoseconds if known else None)


def _survey(payload: bytes) -> SurveyState:
    """NAV-SVIN; the accuracy counts tenths of a millimetre."""
    (seconds,), (accuracy,) = struct.unpack_from("<I", payload, 8), struct.unpack_from("<I", payload, 28)
    return SurveyState(_survey_state(payload[36], payload[37]), seconds, accuracy // 10)


def _old_survey(payload: bytes) -> SurveyState:
    """TIM-SVIN; the accuracy is a variance in square millimetres."""
    (seconds,), (variance,) = struct.unpack_from("<I", payload), struct.unpack_from("<I", payload, 16)
    return SurveyState(_survey_state(payload[24], payload[25]), seconds, round(variance**0.5))


def _survey_state(valid: int, active: int) -> Survey:
    return Survey.RUNNING if active else Survey.DONE if valid else Survey.UNKNOWN


def _hardware(payload: bytes) -> AntennaState:
    # u-blox 5 and 6 have eight more pin numbers before the jamming indicator.
    jamming = payload[53 if len(payload) >= 68 else 45]
    state = Jamming(payload[22] >> 2 & 3)
    return AntennaState(_UBX_ANTENNA.get(payload[20], Antenna.UNKNOWN), jamming, state)


def _radio(payload: bytes) -> AntennaState | None:
    """MON-RF: a block for each band; the worst counts."""
    blocks = [payload[at : at + 24] for at in range(4, len(payload) - 23, 24)][: payload[1] if len(payload) > 1 else 0]
    if not blocks:
        return None
    antenna = max(_UBX_ANTENNA.get(block[2], Antenna.UNKNOWN) for block in blocks)
    return AntennaState(antenna, max(block[16] for block in blocks), Jamming(max(block[1] & 3 for block in blocks)))


def _version(payload: bytes) -> Model | None:
    """MON-VER in the words in which gpsd's own report has it, only that gpsd does not always send that again."""
    if len(payload) < 40:
        return None
    fields = [payload[:30], payload[30:40], *(payload[at : at + 30] for at in range(40, min(len(payload), 400), 30))]
    software, hardware, *more = [field.partition(b"\0")[0].decode("ascii", "replace") for field in fields]
    return Model(f"SW {software},HW {hardware}," + ",".join(more))


_FRAMES: dict[bytes, tuple[Callable[[bytes], Fact | None], ...]] = {
    b"0103": (_status,),
    b"0106": (_date_of_week,),
    b"0107": (_date_of_pvt, _pvt),
    b"0120": (_date_of_week, _timegps),
    b"0121": (_date_of_timeutc, _timeutc),
    b"0126": (_timels,),
    b"013b": (_survey,),
    b"0a04": (_version,),
    b"0a09": (_hardware,),
    b"0a38": (_radio,),
    b"0d01": (_pulse,),
    b"0d04": (_old_survey,),
}


def _sentence(line: bytes) -> Fact | None:
    if line[3:7] == b"RMC,":
        return _date_of_rmc(line.split(b","))
    if line[3:7] == b"ZDA,":
        return _date_of_zda(line.partition(b"*")[0].split(b","))
    if line[3:7] != b"TXT," and not line.startswith((b"$PMTK705,", b"$PGTOP,", b"$PCD,", b"$PQVERNO,")):
        return None
    body = line.partition(b"*")[0].decode("ascii", "replace").strip()
    fields = body.split(",")
    if fields[0] == "$PMTK705":
        return Model(",".join(fields[1:]))
    if fields[0] == "$PQVERNO":
        # L70BGR03A05S: model, variant, revision of the firmware.
        return Model("QUECTEL-" + fields[2][:3]) if len(fields) > 2 and len(fields[2]) > 5 else None
    if fields[0] in ("$PGTOP", "$PCD"):
        if len(fields) < 3 or fields[1] != "11":
            return None
        return AntennaState(_MTK_ANTENNA.get(fields[2], Antenna.UNKNOWN), None)
    return _text(fields)


def _date_of_rmc(fields: list[bytes]) -> OwnDate | None:
    date = fields[9]
    if len(date) != 6:
        return None
    year = int(date[4:])
    return _day(year + (1900 if year >= 80 else 2000), int(date[2:4]), int(date[:2]))


def _date_of_zda(fields: list[bytes]) -> OwnDate | None:
    return _day(int(fields[4]), int(fields[3]), int(fields[2]))


def _text(fields: list[str]) -> AntennaState | Model | None:
    """The "ANTSTATUS=OPEN" of u-blox and Quectel, "ANTENNA OPEN" of CASIC, and what u-blox says at power-on."""
    text = fields[4].upper() if len(fields) > 4 else ""
    if hardware := _TEXT_HARDWARE.match(text):
        return Model(f"HW {hardware[1]}")
    if text.startswith(("MOD=", "FWVER=", "PROTVER=")):
        return Model(text[:40])
    if not text.startswith(("ANTSTATUS=", "ANTENNA ")):
        return None
    for word, antenna in _TEXT_ANTENNA:
        if text.endswith(word):
            return AntennaState(antenna, None)
    return AntennaState(Antenna.UNKNOWN, None)
