# SPDX-License-Identifier: MIT
"""Setting up the newer Quectel receivers, until power-off: PQTM (LG290P, LS550G) and PAIR (LC29H, LC76G, Airoha chips).

Sources: "LG290P(03)&LGx80P(03) GNSS Protocol Specification" and "LC29H&LC79H Series GNSS Protocol Specification".
PQTM answers <command>,OK or <command>,ERROR,<1 bad parameter | 2 failed | 3 unknown>; PAIR answers
PAIR001,<command>,<0 done | 1 in work | 2 failed | 3 not supported | 4 bad parameter | 5 busy>.
"""

from __future__ import annotations

import re

from stratum1.receiver.orders import Known, Order, Wishes, command, together
from stratum1.receiver.talk import Message, Sentence

QUESTIONS = (Sentence("PQTMVERNO"), Sentence("PAIR020"))

_PQTM_SENTENCES = (("RMC", 1), ("GGA", 1), ("GSA", 1), ("GSV", 5), ("ZDA", 1))
_PAIR_SENTENCES = ((4, 1), (0, 1), (2, 1), (3, 5), (6, 1))
_AIROHA = re.compile(r"LC(29H|76G|79H|86G)")
_WHAT_SENTENCES = "sentences RMC GGA GSA GSV ZDA"
_WHAT_PULSE = "pulse only with a fix"


def recognise(message: Message, wishes: Wishes) -> Known | None:
    if not isinstance(message, Sentence):
        return None
    if message.body.startswith("PQTMVERNO,") and not message.body.startswith("PQTMVERNO,ERROR"):
        module = re.match(r"PQTMVERNO,([A-Z]{1,2}\d{2,3}[A-Z]?)", message.body)
        name = f"Quectel {module[1]}" if module else "Quectel receiver"
        return Known(name, _pair_orders() if _AIROHA.search(message.body) else _pqtm_orders())
    if message.body.startswith("PAIR020,"):
        return Known("Airoha receiver", _pair_orders())
    return None


def _pqtm_orders() -> tuple[Order, ...]:
    rates = [_pqtm("rate", "PQTMCFGMSGRATE", f"W,{name},{every}") for name, every in _PQTM_SENTENCES]
    return (
        # Pulse 1 on, 100 ms, mode 2 = only while there is a fix, positive, antenna delay 0.
        _pqtm(_WHAT_PULSE, "PQTMCFGPPS", "W,1,1,100,2,1,0"),
        together(_WHAT_SENTENCES, *rates),
    )


def _pair_orders() -> tuple[Order, ...]:
    rates = [_pair("rate", "062", f"{number},{every}") for number, every in _PAIR_SENTENCES]
    return (
        # 2 = only while there is a 3D fix, as a pulse before that may name no second.
        _pair(_WHAT_PULSE, "752", "2,100"),
        together(_WHAT_SENTENCES, *rates),
    )


def _pqtm(what: str, name: str, parameters: str) -> Order:
    def judge(message: Message) -> bool | None:
        if isinstance(message, Sentence) and message.body.startswith((f"{name},OK", f"{name},ERROR")):
            return message.body.startswith(f"{name},OK")
        return None

    return command(what, Sentence(f"{name},{parameters}"), judge)


def _pair(what: str, number: str, parameters: str) -> Order:
    def judge(message: Message) -> bool | None:
        if not isinstance(message, Sentence) or not message.body.startswith(f"PAIR001,{number},"):
            return None
        result = message.body.split(",")[2].strip()
        return None if result in ("1", "5") else result == "0"

    return command(what, Sentence(f"PAIR{number},{parameters}"), judge)
