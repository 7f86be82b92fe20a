# SPDX-License-Identifier: MIT
"""NTP packets as the tests write and read them: straight from RFC 5905 section 7.3, with no code of the product."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_FORMAT = struct.Struct(">BBbbII4sQQQQ")
UNIX = 2208988800
NS = 1_000_000_000


def stamp(ns: int) -> int:
    """Unix ns as a 32.32 stamp of its era, rounded down."""
    return ((ns + UNIX * NS) * 2**32 // NS) % 2**64


@dataclass
class Packet:
    leap: int = 0
    version: int = 4
    mode: int = 3
    stratum: int = 0
    poll: int = 0
    precision: int = 0
    root_delay: int = 0
    root_dispersion: int = 0
    refid: bytes = b"\0\0\0\0"
    reference: int = 0
    origin: int = 0
    receive: int = 0
    transmit: int = 0
    tail: bytes = field(default=b"", repr=False)

    def pack(self) -> bytes:
        return (
            _FORMAT.pack(
                self.leap << 6 | self.version << 3 | self.mode,
                self.stratum,
                self.poll,
                self.precision,
                self.root_delay,
                self.root_dispersion,
                self.refid,
                self.reference,
                self.origin,
                self.receive,
                self.transmit,
            )
            + self.tail
        )

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        first, *rest = _FORMAT.unpack(data[:48])
        return cls(first >> 6, first >> 3 & 7, first & 7, *rest, tail=data[48:])


def extension(kind: int, length: int, body: bytes = b"") -> bytes:
    """An extension field that says it is `length` long (RFC 7822); its body is padded or cut to that."""
    return struct.pack(">HH", kind, length) + body[: length - 4].ljust(max(0, length - 4), b"\x5a")
