# SPDX-License-Identifier: MIT
"""What every dialect module gives: how to recognise its receivers, and the orders that set one up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stratum1.receiver.talk import Message, Talk, Ubx

ANSWER_S = 0.8
"""At 9600 baud a burst of 500 bytes may lie before the answer."""
TRIES = 2


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the set-up depends on besides the receiver."""

    usb: bool = False
    """The messages are wanted on the USB port and not on the first UART."""
    constellations: tuple[str, ...] = ()
    """As in settings; empty: as the receiver comes."""


@dataclass(frozen=True, slots=True)
class Order:
    what: str
    """For a person: "stationary"."""
    carry_out: Callable[[Talk], bool | None]
    """True: confirmed; False: refused; None: no answer at all."""


@dataclass(frozen=True, slots=True)
class Known:
    """A receiver that has said what it is."""

    name: str
    orders: tuple[Order, ...] = ()


def command(what: str, message: Message, judge: Callable[[Message], bool | None]) -> Order:
    """One message, and what makes of an answer True, False or (it answers something else) None."""
    return Order(what, lambda talk: talk.ask(message, judge, ANSWER_S, TRIES))


def together(what: str, *orders: Order) -> Order:
    """Several, of which each has to be confirmed; the first that is not ends it."""

    def carry_out(talk: Talk) -> bool | None:
        outcome: bool | None = True
        for order in orders:
            outcome = order.carry_out(talk)
            if not outcome:
                break
        return outcome

    return Order(what, carry_out)


def acknowledged(asked: Ubx) -> Callable[[Message], bool | None]:
    """UBX-ACK-ACK and ACK-NAK; CASIC has taken over the numbers."""
    subject = bytes([asked.class_, asked.id_])

    def judge(message: Message) -> bool | None:
        if isinstance(message, Ubx) and message.casic == asked.casic and message.class_ == 0x05:
            return message.id_ == 1 if message.payload[:2] == subject else None
        return None

    return judge
