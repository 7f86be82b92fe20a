# SPDX-License-Identifier: MIT
"""What receivers say that gpsd's reports leave out: leap-second validity, leaps to come, antenna, jamming, model.

gpsd repeats to its watchers each sentence as text and each UBX frame as hex, checksums verified (gpsd_json(5), "raw").
UBX layouts: u-blox 8/M8 Receiver Description and its later interface descriptions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from stratum1.tracking import Antenna


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


@dataclass(frozen=True, slots=True)
class Model:
    """Words for `naming.receiver_name`."""

    words: str


Fact = LeapSeconds | TimeResolved | LeapToCome | AntennaState | Model

_UBX_ANTENNA = {2: Antenna.OK, 3: Antenna.SHORT, 4: Antenna.OPEN}
_TEXT_ANTENNA = (("OPEN", Antenna.OPEN), ("SHORT", Antenna.SHORT), ("OK", Antenna.OK))
_MTK_ANTENNA = {"1": Antenna.SHORT, "3": Antenna.OK}


def fact(line: bytes) -> Fact | None:
    """What a line of gpsd's raw stream tells beyond its reports; None for nearly every line."""
    if line.startswith(b"b562"):
        return _ubx(line)
    if line.startswith(b"$"):
        return _sentence(line)
    return None


def _ubx(line: bytes) -> Fact | None:
    decode = _FRAMES.get(line[4:8])
    if decode is None:
        return None
    try:
        frame = bytes.fromhex(line.strip().decode("ascii"))
        (length,) = struct.unpack_from("<H", frame, 4)
        payload = frame[6 : 6 + length]
        return decode(payload) if len(payload) == length else None
    except (ValueError, IndexError, struct.error):
        return None


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


def _hardware(payload: bytes) -> AntennaState:
    # u-blox 5 and 6 have eight more pin numbers before the jamming indicator.
    jamming = payload[53 if len(payload) >= 68 else 45]
    return AntennaState(_UBX_ANTENNA.get(payload[20], Antenna.UNKNOWN), jamming)


def _radio(payload: bytes) -> AntennaState | None:
    """MON-RF: a block for each band; the worst counts."""
    blocks = [payload[at : at + 24] for at in range(4, len(payload) - 23, 24)][: payload[1] if len(payload) > 1 else 0]
    if not blocks:
        return None
    states = [_UBX_ANTENNA.get(block[2], Antenna.UNKNOWN) for block in blocks]
    return AntennaState(max(states), max(block[16] for block in blocks))


def _version(payload: bytes) -> Model | None:
    """MON-VER in the words in which gpsd's own report has it, only that gpsd does not always send that again."""
    if len(payload) < 40:
        return None
    fields = [payload[:30], payload[30:40], *(payload[at : at + 30] for at in range(40, min(len(payload), 400), 30))]
    software, hardware, *more = [field.partition(b"\0")[0].decode("ascii", "replace") for field in fields]
    return Model(f"SW {software},HW {hardware}," + ",".join(more))


_FRAMES: dict[bytes, Callable[[bytes], Fact | None]] = {
    b"0107": _pvt,
    b"0120": _timegps,
    b"0121": _timeutc,
    b"0126": _timels,
    b"0a04": _version,
    b"0a09": _hardware,
    b"0a38": _radio,
}


def _sentence(line: bytes) -> Fact | None:
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


def _text(fields: list[str]) -> AntennaState | None:
    """The "ANTSTATUS=OPEN" of u-blox and Quectel, "ANTENNA OPEN" of CASIC receivers."""
    text = fields[4].upper() if len(fields) > 4 else ""
    if not text.startswith(("ANTSTATUS=", "ANTENNA ")):
        return None
    for word, antenna in _TEXT_ANTENNA:
        if text.endswith(word):
            return AntennaState(antenna, None)
    return AntennaState(Antenna.UNKNOWN, None)
