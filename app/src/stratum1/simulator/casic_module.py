# SPDX-License-Identifier: MIT
"""A simulated CASIC receiver (AT6558): sentences out, binary orders in."""

from __future__ import annotations

from stratum1.receiver.talk import Message, Splitter, Ubx
from stratum1.simulator import nmea
from stratum1.simulator.nmea import Moment
from stratum1.simulator.quirks import Quirks

_NMEA_NAMES = {0: "GGA", 1: "GLL", 2: "GSA", 3: "GSV", 4: "RMC", 5: "VTG", 8: "ZDA"}


class Casic:
    """`refuses` holds ids of CFG messages as "0603"; many refuse MON-VER ("0a04")."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()
        self._splitter = Splitter()
        self.rates: dict[str, int] = {}
        self.settings: dict[int, bytes] = {}
        """The last accepted payload of each CFG message, by id."""
        self._epochs = 0
        self.forget()

    def forget(self) -> None:
        self.rates = {"RMC": 1, "GGA": 1, "GSA": 1, "GSV": 1}
        self.settings.clear()

    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        self._epochs += 1
        sentences = nmea.burst(moment)
        wanted = [s for s in sentences if self._is_due(s[3:6].decode("ascii"))]
        return wanted if whole_second else wanted[:2]

    def _is_due(self, name: str) -> bool:
        every = self.rates.get(name, 0)
        return bool(every) and self._epochs % every == 0

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(message) for message in self._splitter.feed(data))

    def _answer(self, message: Message) -> bytes:
        if not isinstance(message, Ubx) or not message.casic or self._quirks.lost():
            return b""
        subject = (message.class_, message.id_)
        refused = f"{message.class_:02x}{message.id_:02x}" in self._quirks.refuses
        if subject == (0x0A, 0x04) and not refused:
            texts = b"URANUS5,V5.3.0.0".ljust(32, b"\0") + b"ATGM336H,0".ljust(32, b"\0")
            return Ubx(0x0A, 0x04, texts, casic=True).frame()
        done = not refused and self._configure(message)
        return Ubx(0x05, int(done), bytes([*subject, 0, 0]), casic=True).frame()

    def _configure(self, message: Ubx) -> bool:
        payload = message.payload
        if message.class_ != 0x06 or len(payload) != {0x01: 4, 0x03: 16, 0x04: 4}.get(message.id_):
            return False
        if message.id_ == 0x01:
            if payload[0] != 0x4E or payload[1] not in _NMEA_NAMES:
                return False
            self.rates[_NMEA_NAMES[payload[1]]] = int.from_bytes(payload[2:4], "little")
        self.settings[message.id_] = payload
        return True
