# SPDX-License-Identifier: MIT
"""Setting up a MediaTek receiver (Adafruit Ultimate GPS, Quectel L70 and L76) by PMTK sentences, until power-off.

Each command is answered by PMTK001,<command>,<0 invalid | 1 not supported | 2 failed | 3 done>.
"""

from __future__ import annotations

from stratum1.receiver import naming
from stratum1.receiver.orders import Known, Order, Wishes, command
from stratum1.receiver.talk import Message, Sentence

QUESTION = Sentence("PMTK605")

_OUTPUTS = (0, 1, 0, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
"""PMTK314 by its places, once in so many fixes: RMC, GGA and GSA each, GSV every fifth, ZDA each."""

_COMMANDS = (
    ("sentences RMC GGA GSA GSV ZDA", "PMTK314," + ",".join(map(str, _OUTPUTS))),
    ("pulse in step with the sentences", "PMTK255,1"),
    ("pulse only with a 3D fix", "PMTK285,2,100"),
)


def recognise(message: Message, wishes: Wishes) -> Known | None:
    if not isinstance(message, Sentence) or not message.body.startswith("PMTK705,"):
        return None
    name = naming.receiver_name("MTK-3301", message.body[8:])
    return Known(name, tuple(_order(what, body) for what, body in _COMMANDS))


def _order(what: str, body: str) -> Order:
    number = body.partition(",")[0].removeprefix("PMTK")

    def judge(message: Message) -> bool | None:
        if isinstance(message, Sentence) and message.body.startswith(f"PMTK001,{number},"):
            return message.body.split(",")[2].strip() == "3"
        return None

    return command(what, Sentence(body), judge)
