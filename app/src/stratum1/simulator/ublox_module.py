# SPDX-License-Identifier: MIT
"""A simulated u-blox receiver of either protocol generation: UBX and NMEA out, orders answered from a RAM of its own.

Layouts: u-blox 8/M8 Receiver Description; u-blox M10 Interface Description.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

from stratum1.receiver.talk import Message, Splitter, Ubx
from stratum1.simulator import nmea
from stratum1.simulator.nmea import Moment
from stratum1.simulator.quirks import Quirks
from stratum1.simulator.sky import ALTITUDE_M, LONGITUDE_DEG, Satellite
from stratum1.timescale import GPS_EPOCH_NS, NS_PER_S

_WEEK_S = 604_800
_UBX_OUT, _NMEA_OUT = 1, 2
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
_LEGACY_CFG = frozenset(
    (0x00, 0x01, 0x02, 0x08, 0x09, 0x11, 0x16, 0x17, 0x1E, 0x23, 0x24, 0x31, 0x39, 0x3B, 0x3E, 0x86)
)

# CFG-MSGOUT keys for UART1, of the messages that are simulated.
_RATE_KEYS = {
    0x20910007: (0x01, 0x07),
    0x20910016: (0x01, 0x35),
    0x20910039: (0x01, 0x04),
    0x20910048: (0x01, 0x20),
    0x20910061: (0x01, 0x26),
    0x20910160: (0x01, 0x61),
    0x209101B5: (0x0A, 0x09),
    0x2091035A: (0x0A, 0x38),
    0x2091001B: (0x01, 0x03),
    0x20910089: (0x01, 0x3B),
    0x20910098: (0x0D, 0x04),
    0x2091017E: (0x0D, 0x01),
}
_NMEA_OUT_KEY = 0x10740002


_SYSTEMS = {0: True, 1: True, 2: False, 3: False, 5: True, 6: True}
"""gnssId -> on, as an M8 comes."""


@dataclass(frozen=True, slots=True)
class Generation:
    software: str
    hardware: str
    extensions: tuple[str, ...]
    by_value: bool
    """Takes CFG-VALSET, and the older CFG messages no more."""


M8 = Generation(
    "ROM CORE 3.01 (107888)",
    "00080000",
    ("FWVER=SPG 3.01", "PROTVER=18.00", "GPS;GLO;GAL;BDS", "SBAS;IMES;QZSS"),
    by_value=False,
)
M8T = Generation(
    "EXT CORE 3.01 (111141)",
    "00080000",
    ("ROM BASE 2.01 (75331)", "FWVER=TIM 1.10", "PROTVER=22.00", "MOD=NEO-M8T-0"),
    by_value=False,
)
M10 = Generation(
    "ROM SPG 5.10 (7b202e)", "000A0000", ("FWVER=SPG 5.10", "PROTVER=34.10", "GPS;GLO;GAL;BDS"), by_value=True
)


class Ublox:
    def __init__(self, generation: Generation = M8, quirks: Quirks | None = None) -> None:
        self.generation = generation
        self._quirks = quirks or Quirks()
        self._splitter = Splitter()
        self.rates: dict[tuple[int, int], int] = {}
        """How often, in epochs, each UBX message is sent; 0 = never."""
        self.values: dict[int, int] = {}
        """What CFG-VALSET put into RAM, by key."""
        self.settings: dict[int, bytes] = {}
        """The last accepted payload of each older CFG message, by id."""
        self._outputs = _UBX_OUT | _NMEA_OUT
        self._epochs = 0
        self.forget()

    def forget(self) -> None:
        self._surveyed_s = 0
        self.systems = dict(_SYSTEMS)
        self.rates.clear()
        self.values.clear()
        self.settings.clear()
        self._outputs = _UBX_OUT | _NMEA_OUT

    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        messages: list[bytes] = []
        if self._outputs & _NMEA_OUT:
            sentences = nmea.burst(moment)
            messages += sentences if whole_second else sentences[:2]
        if self._outputs & _UBX_OUT:
            self._epochs += 1
            self._surveyed_s += whole_second and moment.fix_mode >= 2 and self._surveys
            survey = self._survey() if self._is_timing else {}
            for (class_, id_), payload in {**_payloads(moment), **survey}.items():
                every = self.rates.get((class_, id_), 0)
                if every and self._epochs % every == 0:
                    messages.append(Ubx(class_, id_, payload).frame())
        return messages

    @property
    def _is_timing(self) -> bool:
        return any(text.startswith("FWVER=TIM") for text in self.generation.extensions)

    @property
    def _surveys(self) -> bool:
        return self.settings.get(0x3D, b"\0")[0] == 1

    def _survey(self) -> dict[tuple[int, int], bytes]:
        """TIM-SVIN: ten metres at first, less with the root of time."""
        wanted_s = int.from_bytes(self.settings.get(0x3D, bytes(28))[20:24], "little")
        done = self._surveys and self._surveyed_s >= wanted_s
        variance_mm2 = 10_000**2 // max(1, self._surveyed_s)
        flags = bytes([done, self._surveys and not done, 0, 0])
        where = struct.pack("<IiiiII", self._surveyed_s, 0, 0, 0, variance_mm2, self._surveyed_s)
        return {(0x0D, 0x04): where + flags}

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(message) for message in self._splitter.feed(data))

    def _answer(self, message: Message) -> bytes:
        if not isinstance(message, Ubx) or message.casic or self._quirks.lost():
            return b""
        if (message.class_, message.id_) == (0x0A, 0x04):
            return self._version() if not message.payload else b""
        if message.class_ != 0x06:
            return b""
        refused = f"06{message.id_:02x}" in self._quirks.refuses
        if message.id_ == 0x3E and not message.payload and not refused and not self.generation.by_value:
            return self._systems_now() + Ubx(0x05, 1, b"\x06\x3e").frame()
        accepted = not refused and self._configure(message.id_, message.payload)
        return Ubx(0x05, int(accepted), bytes([0x06, message.id_])).frame()

    def _version(self) -> bytes:
        g = self.generation
        texts = [g.software.encode().ljust(30, b"\0"), g.hardware.encode().ljust(10, b"\0")]
        texts += [text.encode().ljust(30, b"\0") for text in g.extensions]
        return Ubx(0x0A, 0x04, b"".join(texts)).frame()

    def _configure(self, id_: int, payload: bytes) -> bool:
        if id_ == 0x8A:
            return self.generation.by_value and self._set_values(payload)
        if self.generation.by_value or not (id_ in _LEGACY_CFG or (self._is_timing and id_ == 0x3D)):
            return False
        if id_ == 0x3E:
            return self._set_systems(payload)
        if id_ == 0x01 and len(payload) in (3, 8):
            self.rates[payload[0], payload[1]] = payload[2] if len(payload) == 3 else payload[3]
        elif id_ == 0x00 and len(payload) == 20:
            self._outputs = int.from_bytes(payload[14:16], "little")
        self.settings[id_] = payload
        return True

    def _set_systems(self, payload: bytes) -> bool:
        if len(payload) != 4 + 8 * len(self.systems):
            return False
        self.systems = {payload[at]: bool(payload[at + 4] & 1) for at in range(4, len(payload), 8)}
        return True

    def _systems_now(self) -> bytes:
        """CFG-GNSS with the channels that each system may take."""
        blocks = [bytes([number, 4, 16, 0]) + struct.pack("<I", on | 0x01_0000) for number, on in self.systems.items()]
        return Ubx(0x06, 0x3E, bytes([0, 32, 32, len(blocks)]) + b"".join(blocks)).frame()

    def _set_values(self, payload: bytes) -> bool:
        """All or nothing, as the receiver does."""
        values: dict[int, int] = {}
        at = 4
        while at < len(payload):
            key = int.from_bytes(payload[at : at + 4], "little")
            size = _VALUE_BYTES.get(key >> 28 & 7, 0)
            if not size or at + 4 + size > len(payload) or f"{key:08x}" in self._quirks.refuses:
                return False
            values[key] = int.from_bytes(payload[at + 4 : at + 4 + size], "little")
            at += 4 + size
        self.values |= values
        for key, value in values.items():
            if key in _RATE_KEYS:
                self.rates[_RATE_KEYS[key]] = value
            elif key == _NMEA_OUT_KEY:
                self._outputs = _UBX_OUT | (_NMEA_OUT if value else 0)
        return True


def _payloads(moment: Moment) -> dict[tuple[int, int], bytes]:
    """What each message would say of this epoch, in the order in which a receiver sends them."""
    fixed = moment.fix_mode >= 2
    unix_s = moment.label.unix_s + moment.label.is_leap if moment.label else 0
    gps_s = max(0, unix_s - GPS_EPOCH_NS // NS_PER_S + moment.leap_seconds)
    week, tow_s = divmod(gps_s, _WEEK_S)
    tow = struct.pack("<I", tow_s * 1000 + moment.centiseconds * 10)
    used = sum(s.used for s in moment.satellites) if fixed else 0
    # The third bit of NAV-PVT and NAV-TIMEGPS alike is the one that vouches for the leap seconds.
    valid = (7 if moment.leap_received else 3) if moment.label is not None else 0
    antenna = 2 if moment.satellites else 4
    accuracy_ns = 20 if fixed else 1_000_000
    satellites = b"".join(
        struct.pack("<BBBbhhI", 0, s.prn, s.cn0_dbhz, s.elevation_deg, s.azimuth_deg, 0, _quality(s, fixed))
        for s in moment.satellites
    )
    dops = [172, 145, 92, 121, 98, 70, 68] if fixed else [9999] * 7
    leap = (2, moment.leap_seconds, 2, moment.leap_change, moment.leap_left_s, 0, 0, 3 if valid == 7 else 0)
    announced = struct.pack("<B3xBbBbiHH3xB", 0, *leap)
    return {
        (0x01, 0x07): _pvt(moment, tow, valid, used, accuracy_ns),
        (0x01, 0x35): tow + bytes([1, len(moment.satellites), 0, 0]) + satellites,
        (0x01, 0x04): tow + struct.pack("<7H", *dops),
        (0x01, 0x20): tow + struct.pack("<ihbBI", 0, week, moment.leap_seconds, valid, accuracy_ns),
        (0x01, 0x26): tow + announced,
        (0x0A, 0x09): bytes(16) + struct.pack("<HHBB", 90, 5000, antenna, 1) + bytes(23) + bytes([12]) + bytes(14),
        (0x0A, 0x38): bytes([0, 1, 0, 0, 0, 0, antenna, 1]) + bytes(8) + struct.pack("<HHB", 90, 5000, 12) + bytes(7),
        (0x01, 0x03): tow + bytes([moment.fix_mode, int(fixed) * 0x0D, 0, (2 if moment.forged else 1) << 3]) + bytes(8),
        (0x0D, 0x01): _next_pulse(moment, unix_s),
        (0x01, 0x61): tow,
    }


def _next_pulse(moment: Moment, unix_s: int) -> bytes:
    """TIM-TP, by UTC."""
    week, tow_s = divmod(max(0, unix_s + 1 - GPS_EPOCH_NS // NS_PER_S), _WEEK_S)
    known = 3 if moment.label is not None else 16
    return struct.pack("<IIiHBB", tow_s * 1000, 0, moment.next_early_ps, week, known, 0)


def _quality(satellite: Satellite, fixed: bool) -> int:
    """Flags of NAV-SAT: 1 searching or 7 locked in code and carrier, and 8 for used."""
    if not satellite.cn0_dbhz:
        return 1
    return 15 if satellite.used and fixed else 7


def _pvt(moment: Moment, tow: bytes, valid: int, used: int, accuracy_ns: int) -> bytes:
    t = time.gmtime(moment.label.unix_s if moment.label else 0)
    second = 60 if moment.label is not None and moment.label.is_leap else t.tm_sec
    fixed = moment.fix_mode >= 2
    date = struct.pack("<HBBBBBB", t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, second, valid)
    nano = moment.centiseconds * 10_000_000
    fix = struct.pack("<IiBBBB", accuracy_ns, nano, moment.fix_mode if fixed else 0, int(fixed), 0, used)
    place = struct.pack(
        "<iiiiII",
        round(LONGITUDE_DEG * 1e7),
        round(moment.latitude_deg * 1e7),
        round((ALTITUDE_M + 45.4) * 1000),
        round(ALTITUDE_M * 1000),
        1500,
        2500,
    )
    motion = struct.pack("<iiiiiIIH6xihH", 3, 2, 1, 4, 0, 50, 18_000_000, 145, 0, 0, 0)
    return tow + date + fix + place + motion
