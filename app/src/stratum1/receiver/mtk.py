# SPDX-License-Identifier: MIT
"""Setting up a MediaTek receiver (Adafruit Ultimate GPS, Quectel L70 and L76) by PMTK sentences, until power-off.

Each command is answered by PMTK001,<command>,<0 invalid | 1 not supported | 2 failed | 3 done>.
"""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.receiver import naming
from stratum1.receiver.talk import Message, Sentence, Talk

_ANSWER_S = 0.8
_TRIES = 2

_OUTPUTS = (0, 1, 0, 1, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)
"""PMTK314 by its places, once in so many fixes: RMC, GGA and GSA each, GSV every fifth, ZDA each."""


@dataclass(frozen=True, slots=True)
class Step:
    what: str
    command: Sentence


STEPS = (
    Step("sentences RMC GGA GSA GSV ZDA", Sentence("PMTK314," + ",".join(map(str, _OUTPUTS)))),
    Step("pulse in step with the sentences", Sentence("PMTK255,1")),
    Step("pulse only with a 3D fix", Sentence("PMTK285,2,100")),
)


def identify(talk: Talk) -> str | None:
    """The receiver's name, or None when no MediaTek answers."""

    def release(message: Message) -> str | None:
        if isinstance(message, Sentence) and message.body.startswith("PMTK705,"):
            return naming.receiver_name("MTK-3301", message.body[8:])
        return None

    return talk.ask(Sentence("PMTK605"), release, _ANSWER_S, _TRIES)


def carry_out(talk: Talk, step: Step) -> bool | None:
    """True: confirmed; False: refused; None: no answer at all."""
    number = step.command.body.partition(",")[0].removeprefix("PMTK")

    def answer(message: Message) -> bool | None:
        if isinstance(message, Sentence) and message.body.startswith(f"PMTK001,{number},"):
            return message.body.split(",")[2].strip() == "3"
        return None

    return talk.ask(step.command, answer, _ANSWER_S, _TRIES)
