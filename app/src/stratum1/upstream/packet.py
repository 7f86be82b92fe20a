# SPDX-License-Identifier: MIT
"""A client's side of NTP (RFC 5905 section 8): the question, and what of an answer may be believed.

The question tells nothing but that it is one: its transmit stamp is random, so that nobody learns our clock from it,
and who cannot see it cannot forge an answer.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from importlib import import_module

from stratum1.timescale import from_ntp_timestamp

_HEADER = struct.Struct(">BBbbII4sQQQQ")
_NS_PER_SHORT = 1_000_000_000 / 65536
_CLIENT, _SERVER = 3, 4
_UNKNOWN_LEAP = 3


class BogusError(Exception):
    """No answer to what was asked: somebody else's, an old one, a forged one.  To be passed over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; stamps are UTC in ns."""

    leap: int
    stratum: int
    precision: int
    root_delay_ns: int
    root_dispersion_ns: int
    refid: bytes
    reference_ns: int
    receive_ns: int
    transmit_ns: int

    @property
    def kiss(self) -> str:
        """The kiss code (section 7.4), RATE, DENY, RSTR or another; empty when it is none."""
        return self.refid.rstrip(b"\0").decode("ascii", "replace") if self.stratum == 0 and any(self.refid) else ""

    @property
    def synchronised(self) -> bool:
        """Whether the server claims to know the time, and its stamps can be true."""
        return (
            self.leap != _UNKNOWN_LEAP
            and 1 <= self.stratum <= 15
            and self.transmit_ns >= self.receive_ns
            and self.transmit_ns >= self.reference_ns
        )


def nonce() -> bytes:
    """What stands where the transmit stamp would be."""
    while True:
        random = os.urandom(8)
        if any(random):
            return random


def question(stamp: bytes, poll: int) -> bytes:
    """Version 4, mode 3; `poll` is log2 seconds."""
    return bytes([4 << 3 | _CLIENT, 0, poll]) + bytes(37) + stamp


def parse(data: bytes, stamp: bytes, now_ns: int) -> Answer:
    """The answer to the question with `stamp`; `now_ns` tells the era.  BogusError when it is none."""
    if len(data) < _HEADER.size:
        raise BogusError(f"{len(data)} bytes")
    first, stratum, _, precision, delay, dispersion, refid, reference, origin, receive, transmit = _HEADER.unpack_from(
        data
    )
    if first & 7 != _SERVER or not 3 <= first >> 3 & 7 <= 4:
        raise BogusError(f"first byte 0x{first:02x}")
    if origin.to_bytes(8, "big") != stamp:
        raise BogusError("another question's answer")
    if stratum and not (receive and transmit):
        raise BogusError("no stamps")
    return Answer(
        leap=first >> 6,
        stratum=stratum,
        precision=precision,
        root_delay_ns=round(delay * _NS_PER_SHORT),
        root_dispersion_ns=round(dispersion * _NS_PER_SHORT),
        refid=refid,
        reference_ns=from_ntp_timestamp(reference, now_ns) if reference else 0,
        receive_ns=from_ntp_timestamp(receive, now_ns),
        transmit_ns=from_ntp_timestamp(transmit, now_ns),
    )


def refid_text(answer: Answer) -> str:
    """As ntpq shows it: the clock's name from stratum 1, an address beyond (of IPv6 a hash that looks like one)."""
    if answer.stratum <= 1:
        return "".join(chr(byte) if 32 < byte < 127 else "" for byte in answer.refid)
    return socket.inet_ntoa(answer.refid)


def refid_of(address: str) -> bytes:
    """What stands in the reference id of who takes its time from `address` (section 7.3)."""
    if ":" not in address:
        return socket.inet_aton(address)
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    # Not by hashlib, which would load the whole of libcrypto for these sixteen bytes.
    digest: bytes = import_module("_md5").md5(packed).digest()
    return digest[:4]
