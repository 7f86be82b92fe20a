# SPDX-License-Identifier: MIT
"""A simulated CASIC receiver (AT6558): sentences out, binary orders in."""

from __future__ import annotations

from stratum1.receiver.talk import Message, Ubx
from stratum1.simulator.listener import Listener

_NMEA_NAMES = {0: "GGA", 1: "GLL", 2: "GSA", 3: "GSV", 4: "RMC", 5: "VTG", 8: "ZDA"}


class Casic(Listener):
    """`refuses` holds ids of CFG messages as "0603"; many refuse MON-VER ("0a04")."""

    def forget(self) -> None:
        super().forget()
        self.settings: dict[int, bytes] = {}
        """The last accepted payload of each CFG message, by id."""

    def _answer(self, message: Message) -> bytes:
        if not isinstance(message, Ubx) or not message.casic:
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
