# SPDX-License-Identifier: MIT
"""Setting up a CASIC receiver (AT6558: ATGM336H, Quectel L76K and L76B) by its binary messages, until power-off.

Source: "CASIC Multimode Satellite Navigation Receiver Protocol Specification" 4.2.0.3.  The text sentences ($PCAS..)
are not answered, so only what the binary protocol confirms is ordered.
"""

from __future__ import annotations

import struct

from stratum1.receiver.orders import Known, Order, Wishes, acknowledged, command, together
from stratum1.receiver.talk import Message, Ubx

_MON_VER = (0x0A, 0x04)
_ACK = 0x05
QUESTION = Ubx(*_MON_VER, casic=True)

_NMEA = 0x4E
_SENTENCES = ((0x04, 1), (0x00, 1), (0x02, 1), (0x03, 5), (0x08, 1), (0x01, 0), (0x05, 0))
"""RMC GGA GSA GSV ZDA, and neither GLL nor VTG: message, once in so many fixes."""

_PERIOD_US = 1_000_000
_PULSE_US = 100_000
_ONLY_WITH_FIX = 3
_RISING, _UTC, _GPS_MAINLY = 0, 0, 5


def recognise(message: Message, wishes: Wishes) -> Known | None:
    """Some know no MON-VER, but refuse it in their own tongue."""
    if not isinstance(message, Ubx) or not message.casic:
        return None
    if (message.class_, message.id_) != _MON_VER and (message.class_ != _ACK or message.payload[:2] != bytes(_MON_VER)):
        return None
    return Known("CASIC receiver", _orders())


def _orders() -> tuple[Order, ...]:
    pulse = struct.pack("<IIBbBBf", _PERIOD_US, _PULSE_US, _ONLY_WITH_FIX, _RISING, _UTC, _GPS_MAINLY, 0.0)  # CFG-TP
    rates = [_order("rate", Ubx(0x06, 0x01, struct.pack("<BBH", _NMEA, id_, n), casic=True)) for id_, n in _SENTENCES]
    return (
        _order("pulse on the UTC second, only with a fix", Ubx(0x06, 0x03, pulse, casic=True)),
        together("sentences RMC GGA GSA GSV ZDA", *rates),
    )


def _order(what: str, message: Ubx) -> Order:
    return command(what, message, acknowledged(message))
