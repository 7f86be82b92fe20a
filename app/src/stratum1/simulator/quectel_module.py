# SPDX-License-Identifier: MIT
"""Simulated receivers of the newer Quectel tongues: PQTM (LG290P) and PAIR (LC29H)."""

from __future__ import annotations

from stratum1.receiver.talk import Message, Sentence
from stratum1.simulator.listener import Listener
from stratum1.simulator.quirks import Quirks

_PAIR_NAMES = {"0": "GGA", "1": "GLL", "2": "GSA", "3": "GSV", "4": "RMC", "5": "VTG", "6": "ZDA"}


class Quectel(Listener):
    """`refuses` holds names of commands: PQTMCFGPPS, 752."""

    def __init__(self, airoha: bool = False, quirks: Quirks | None = None) -> None:
        super().__init__(quirks)
        self.airoha = airoha

    def forget(self) -> None:
        super().forget()
        self.orders: dict[str, str] = {}
        """The last accepted parameters of each order."""

    def _answer(self, message: Message) -> bytes:
        if not isinstance(message, Sentence):
            return b""
        name, _, parameters = message.body.partition(",")
        if name == "PQTMVERNO":
            module = "LC29HAANR11A03S" if self.airoha else "LG290P03AANR01A03S"
            return Sentence(f"PQTMVERNO,{module},2023/02/20,11:22:33").frame()
        if name.startswith("PAIR") and self.airoha:
            return self._pair(name[4:], parameters)
        if name.startswith("PQTM") and not self.airoha:
            return self._pqtm(name, parameters)
        return b""

    def _pqtm(self, name: str, parameters: str) -> bytes:
        fields = parameters.split(",")
        if name in self._quirks.refuses or name not in ("PQTMCFGPPS", "PQTMCFGMSGRATE"):
            return Sentence(f"{name},ERROR,3").frame()
        if fields[0] != "W" or len(fields) != {"PQTMCFGPPS": 7, "PQTMCFGMSGRATE": 3}[name]:
            return Sentence(f"{name},ERROR,1").frame()
        if name == "PQTMCFGMSGRATE":
            self.rates[fields[1]] = int(fields[2])
        self.orders[name] = parameters
        return Sentence(f"{name},OK").frame()

    def _pair(self, number: str, parameters: str) -> bytes:
        if number == "020":
            return Sentence("PAIR020,AG3335A_V2.5.0.AG3335_20220713,S,N,9ec3bff,2210141405,5b3,3,,,5b4eb2f").frame()
        result = 0
        fields = parameters.split(",")
        if number in self._quirks.refuses or number not in ("062", "752"):
            result = 3
        elif len(fields) != 2 or (number == "062" and fields[0] not in _PAIR_NAMES):
            result = 4
        elif number == "062":
            self.rates[_PAIR_NAMES[fields[0]]] = int(fields[1])
        if not result:
            self.orders[number] = parameters
        # As the real one may: first that it is at work on it, then how it went.
        return Sentence(f"PAIR001,{number},1").frame() + Sentence(f"PAIR001,{number},{result}").frame()
