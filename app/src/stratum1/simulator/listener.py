# SPDX-License-Identifier: MIT
"""What receivers have in common that send NMEA sentences and take orders on how often each comes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from stratum1.receiver.talk import Message, Splitter
from stratum1.simulator import nmea
from stratum1.simulator.nmea import Moment
from stratum1.simulator.quirks import Quirks


class Listener(ABC):
    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()
        self._splitter = Splitter()
        self._epochs = 0
        self.rates: dict[str, int] = {}
        """Each sentence comes once in so many epochs; 0 = never."""
        self.forget()

    def forget(self) -> None:
        self.rates = {"RMC": 1, "GGA": 1, "GSA": 1, "GSV": 1}

    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        self._epochs += 1
        wanted = [s for s in nmea.burst(moment) if self._is_due(s[3:6].decode("ascii"))]
        return wanted if whole_second else wanted[:2]

    def _is_due(self, name: str) -> bool:
        every = self.rates.get(name, 0)
        return bool(every) and self._epochs % every == 0

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(message) for message in self._splitter.feed(data) if not self._quirks.lost())

    @abstractmethod
    def _answer(self, message: Message) -> bytes:
        """Nothing for what is in another tongue."""
