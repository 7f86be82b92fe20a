# SPDX-License-Identifier: MIT
"""What becomes of a datagram, by name; the numbers are those of packet.pxd."""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """The first four are answered (CONTROL by the slow path), the others are dropped and counted."""

    ANSWER = 0
    KISS = 1
    NAK = 2
    CONTROL = 3
    SHORT = 4
    VERSION = 5
    MODE = 6
    EXTENSION = 7
    KEY = 8
    DIGEST = 9
    ACCESS = 10
    RATE = 11
    DESTINATION = 12
    SILENT = 13
    CONTROL_REFUSED = 14
    SEND = 15

    @property
    def answered(self) -> bool:
        return self <= Verdict.CONTROL


EXPLAINED = {
    Verdict.ANSWER: "answered",
    Verdict.KISS: "told to ask less often (RATE)",
    Verdict.NAK: "told that its key is wrong (crypto-NAK)",
    Verdict.CONTROL: "mode 6 query",
    Verdict.SHORT: "shorter than 48 bytes, or too long",
    Verdict.VERSION: "version 0 or above 4",
    Verdict.MODE: "a mode that is never answered",
    Verdict.EXTENSION: "malformed extension field or odd tail",
    Verdict.KEY: "unknown key",
    Verdict.DIGEST: "wrong digest",
    Verdict.ACCESS: "not from an allowed network",
    Verdict.RATE: "too many requests",
    Verdict.DESTINATION: "sent to a broadcast or multicast address",
    Verdict.SILENT: "before the first lock",
    Verdict.CONTROL_REFUSED: "mode 6 from elsewhere, or too often",
    Verdict.SEND: "the answer could not be sent",
}
