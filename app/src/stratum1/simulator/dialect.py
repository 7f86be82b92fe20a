# SPDX-License-Identifier: MIT
"""How a simulated receiver talks: what it sends each epoch, and what it answers to orders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from stratum1.receiver.talk import Message, Sentence, Splitter
from stratum1.simulator import nmea
from stratum1.simulator.nmea import Moment
from stratum1.simulator.quirks import Quirks


class Dialect(Protocol):
    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        """The messages of one epoch; those about the sky once a second only."""

    def hear(self, data: bytes) -> bytes:
        """The answer to bytes that came over the line."""

    def forget(self) -> None:
        """Power was lost: as from the factory again."""


class PlainNmea:
    """Talks, and listens to nobody."""

    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        sentences = nmea.burst(moment)
        return sentences if whole_second else sentences[:2]

    def hear(self, data: bytes) -> bytes:
        return b""

    def forget(self) -> None:
        pass


class Mtk:
    """A MediaTek MT3339 as on the Adafruit Ultimate GPS HAT."""

    def __init__(self, quirks: Quirks | None = None) -> None:
        self._quirks = quirks or Quirks()
        self._splitter = Splitter()
        self.outputs: tuple[int, ...] = ()
        self.orders: dict[str, str] = {}
        """The last accepted parameters of each order."""
        self.forget()

    def forget(self) -> None:
        self.outputs = (0, 1, 0, 1, 1, 5, *[0] * 11, 0, 0)
        self.orders.clear()

    def burst(self, moment: Moment, whole_second: bool) -> list[bytes]:
        places = {"RMC": 1, "GGA": 3, "GSA": 4, "GSV": 5, "ZDA": 17}
        sentences = nmea.burst(moment)
        wanted = [s for s in sentences if self.outputs[places[s[3:6].decode("ascii")]]]
        return wanted if whole_second else wanted[:2]

    def hear(self, data: bytes) -> bytes:
        return b"".join(self._answer(message) for message in self._splitter.feed(data))

    def _answer(self, message: Message) -> bytes:
        if not isinstance(message, Sentence) or not message.body.startswith("PMTK") or self._quirks.lost():
            return b""
        number, _, parameters = message.body[4:].partition(",")
        if number == "605":
            return Sentence("PMTK705,AXN_2.31_3339_13101700,5632,PA6H,1.0").frame()
        result = 3
        if number in self._quirks.refuses:
            result = 1
        elif number == "314":
            fields = parameters.split(",")
            if len(fields) != 19 or not all(field.isdigit() for field in fields):
                result = 2
            else:
                self.outputs = tuple(int(field) for field in fields)
        elif number not in ("220", "251", "255", "285", "286", "300", "301", "313"):
            result = 0
        if result == 3:
            self.orders[number] = parameters
        return Sentence(f"PMTK001,{number},{result}").frame()


def dialects() -> dict[str, Callable[[], Dialect]]:
    """By the name on the command line."""
    from stratum1.simulator.casic_module import Casic
    from stratum1.simulator.quectel_module import Quectel
    from stratum1.simulator.ublox_module import M8, M8T, M10, Ublox

    return {
        "nmea": PlainNmea,
        "mtk": Mtk,
        "ublox8": partial(Ublox, M8),
        "ublox8t": partial(Ublox, M8T),
        "ublox10": partial(Ublox, M10),
        "pqtm": Quectel,
        "pair": partial(Quectel, True),
        "casic": Casic,
    }
