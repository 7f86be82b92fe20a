# SPDX-License-Identifier: MIT
"""Setting up a u-blox receiver for timing, in its RAM only: power-off undoes all of it.

Up to protocol 26 by the CFG messages of each subject, from 27 on by CFG-VALSET (u-blox 8/M8 Receiver Description;
u-blox F9 and M10 Interface Descriptions).  Every command is confirmed by ACK-ACK or ACK-NAK; a refusal means that this
receiver has not got it, and is no error.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from stratum1.receiver import naming
from stratum1.receiver.orders import ANSWER_S, TRIES, Known, Order, Wishes, acknowledged, command
from stratum1.receiver.talk import Message, Talk, Ubx

_MON_VER = (0x0A, 0x04)
QUESTION = Ubx(*_MON_VER)
_VALSET = (0x06, 0x8A)
_VALSET_SINCE = 27
_RAM_LAYER = 1

_PERIOD_US = 1_000_000
_PULSE_US = 100_000
_CABLE_NS = 50
"""u-blox's own default for the antenna cable; what differs is the setting pulse.delay_ns."""
_SURVEY_S = 300
_SURVEY_MM = 5_000

# CFG-TP5 flags: active, locked to GNSS, own values when locked, length in us, aligned to the second, rising edge; the
# grid bits stay 0 = UTC.
_TP5_FLAGS = 0b0111_0111


@dataclass(frozen=True, slots=True)
class Version:
    """What MON-VER tells."""

    software: str
    hardware: str
    extensions: tuple[str, ...]

    @property
    def protocol(self) -> int:
        """Whole number of the protocol version; 13, u-blox 5 and 6, where the receiver does not tell."""
        match = re.search(r"PROTVER[= ](\d+)", " ".join(self.extensions))
        return int(match[1]) if match else 13

    @property
    def timing(self) -> bool:
        """Whether it can stand on a surveyed position."""
        words = " ".join(self.extensions)
        return "FWVER=TIM" in words or bool(re.search(r"MOD=\w+-\w*T\b", words))

    @property
    def name(self) -> str:
        subtype = f"SW {self.software},HW {self.hardware}"
        return naming.receiver_name("u-blox", subtype, ",".join(self.extensions))


@dataclass(frozen=True, slots=True)
class Step:
    what: str
    """For a person: "stationary"."""
    command: Ubx


def recognise(message: Message, wishes: Wishes) -> Known | None:
    version = _version(message)
    if version is None:
        return None
    orders = [command(step.what, step.command, acknowledged(step.command)) for step in steps(version, wishes.usb)]
    if wishes.constellations:
        orders.append(_constellations(version, wishes.constellations))
    return Known(version.name, tuple(orders))


def steps(version: Version, usb: bool) -> Iterator[Step]:
    """What to set, in order; `usb`: the messages are wanted on the USB port and not on the first UART."""
    return _by_value(version, usb) if version.protocol >= _VALSET_SINCE else _by_message(version)


def _version(message: Message) -> Version | None:
    if not isinstance(message, Ubx) or message.casic or (message.class_, message.id_) != _MON_VER:
        return None
    payload = message.payload
    if len(payload) < 40:
        return None
    texts = [payload[:30], payload[30:40], *(payload[at : at + 30] for at in range(40, len(payload), 30))]
    software, hardware, *extensions = [_text(text) for text in texts]
    return Version(software, hardware, tuple(extensions))


def _text(field: bytes) -> str:
    return "".join(chr(byte) for byte in field.partition(b"\0")[0] if 32 <= byte < 127)


def _by_message(version: Version) -> Iterator[Step]:
    yield Step("stationary", Ubx(0x06, 0x24, struct.pack("<HB33x", 0x0001, 2)))
    yield Step("full power", Ubx(0x06, 0x11, b"\x08\x00"))
    pulse = struct.pack("<BBxxhhIIIIiI", 0, 0, _CABLE_NS, 0, _PERIOD_US, _PERIOD_US, 0, _PULSE_US, 0, _TP5_FLAGS)
    yield Step("pulse on the UTC second, only when locked", Ubx(0x06, 0x31, pulse))
    if version.protocol >= 14:
        yield Step("time with validity (NAV-PVT)", _rate(0x01, 0x07, 1))
    yield Step("leap seconds (NAV-TIMEGPS)", _rate(0x01, 0x20, 1))
    if version.protocol >= 15:
        yield Step("leap seconds to come (NAV-TIMELS)", _rate(0x01, 0x26, 10))
    yield Step("antenna and jamming (MON-HW)", _rate(0x0A, 0x09, 5))
    yield Step("suspicion of forged signals (NAV-STATUS)", _rate(0x01, 0x03, 1))
    yield Step("error of each pulse (TIM-TP)", _rate(0x0D, 0x01, 1))
    if version.timing:
        yield Step("progress of the survey (TIM-SVIN)", _rate(0x0D, 0x04, 5))
        survey = struct.pack("<BBHiiiIII", 1, 0, 0, 0, 0, 0, 0, _SURVEY_S, _SURVEY_MM)
        yield Step("survey of the position", Ubx(0x06, 0x3D, survey))


def _rate(class_: int, id_: int, every: int) -> Ubx:
    """CFG-MSG for the port that it is sent on: one message in `every` epochs."""
    return Ubx(0x06, 0x01, bytes([class_, id_, every]))


def _by_value(version: Version, usb: bool) -> Iterator[Step]:
    # The key of a message's rate on USB is two above the one for UART1.
    port = 2 if usb else 0
    yield Step("stationary", _valset((0x20110021, 2)))
    yield Step("full power", _valset((0x20D00001, 0)))
    yield Step(
        "pulse on the UTC second, only when locked",
        _valset(
            (0x20050023, 0),  # CFG-TP-PULSE_DEF: by period
            (0x20050030, 1),  # CFG-TP-PULSE_LENGTH_DEF: by length
            (0x40050002, _PERIOD_US),
            (0x40050003, _PERIOD_US),
            (0x40050004, 0),  # CFG-TP-LEN_TP1: none while not locked
            (0x40050005, _PULSE_US),
            (0x10050007, 1),  # CFG-TP-TP1_ENA
            (0x10050008, 1),  # CFG-TP-SYNC_GNSS_TP1
            (0x10050009, 1),  # CFG-TP-USE_LOCKED_TP1
            (0x1005000A, 1),  # CFG-TP-ALIGN_TO_TOW_TP1
            (0x1005000B, 1),  # CFG-TP-POL_TP1: rising
            (0x2005000C, 0),  # CFG-TP-TIMEGRID_TP1: UTC
        ),
    )
    yield Step("time with validity (NAV-PVT)", _valset((0x20910007 + port, 1)))
    yield Step("leap seconds (NAV-TIMEGPS)", _valset((0x20910048 + port, 1)))
    yield Step("leap seconds to come (NAV-TIMELS)", _valset((0x20910061 + port, 10)))
    yield Step("antenna and jamming (MON-RF)", _valset((0x2091035A + port, 5)))
    yield Step("suspicion of forged signals (NAV-STATUS)", _valset((0x2091001B + port, 1)))
    yield Step("error of each pulse (TIM-TP)", _valset((0x2091017E + port, 1)))
    if version.timing:
        # F9T tells of it by TIM-SVIN, others by NAV-SVIN; a receiver refuses what it has not got.
        yield Step("progress of the survey (TIM-SVIN)", _valset((0x20910098 + port, 5)))
        yield Step("progress of the survey (NAV-SVIN)", _valset((0x20910089 + port, 5)))
        survey = _valset((0x20030001, 1), (0x40030010, _SURVEY_S), (0x40030011, _SURVEY_MM * 10))
        yield Step("survey of the position", survey)


def _valset(*items: tuple[int, int]) -> Ubx:
    payload = bytes([0, _RAM_LAYER, 0, 0])
    for key, value in items:
        # Bits 28..30 of a key tell its value's size: 1 = one bit in a byte, 2 = 1 byte, 3 = 2 bytes, 4 = 4 bytes.
        size = {1: 1, 2: 1, 3: 2, 4: 4}[key >> 28]
        payload += key.to_bytes(4, "little") + value.to_bytes(size, "little")
    return Ubx(*_VALSET, payload)


# Satellite systems

_SYSTEMS = {"gps": 0, "sbas": 1, "galileo": 2, "beidou": 3, "qzss": 5, "glonass": 6}
"""gnssId of CFG-GNSS."""
_SIGNAL_KEYS = {
    "gps": 0x1031001F,
    "sbas": 0x10310020,
    "galileo": 0x10310021,
    "beidou": 0x10310022,
    "qzss": 0x10310024,
    "glonass": 0x10310025,
}


def _constellations(version: Version, wanted: tuple[str, ...]) -> Order:
    what = "satellite systems " + " ".join(wanted)
    if version.protocol >= _VALSET_SINCE:
        message = _valset(*((key, int(name in wanted)) for name, key in _SIGNAL_KEYS.items()))
        return command(what, message, acknowledged(message))
    return Order(what, lambda talk: _change_systems(talk, wanted))


def _change_systems(talk: Talk, wanted: tuple[str, ...]) -> bool | None:
    """CFG-GNSS as it is, with other systems on: how many channels each needs, the receiver knows itself."""
    question = Ubx(0x06, 0x3E)
    refused = acknowledged(question)

    def table(message: Message) -> bytes | None:
        if isinstance(message, Ubx) and (message.class_, message.id_) == (0x06, 0x3E) and not message.casic:
            return message.payload
        return b"" if refused(message) is False else None

    now = talk.ask(question, table, ANSWER_S, TRIES)
    if not now:
        return None if now is None else False
    systems = {number: name for name, number in _SYSTEMS.items()}
    changed = bytearray(now)
    for at in range(4, len(changed) - 7, 8):
        changed[at + 4] = changed[at + 4] & ~1 | (systems.get(changed[at]) in wanted)
    if changed == now:
        return True  # a receiver begins its search anew when it is told what it does already
    message = Ubx(0x06, 0x3E, bytes(changed))
    return talk.ask(message, acknowledged(message), ANSWER_S, TRIES)
