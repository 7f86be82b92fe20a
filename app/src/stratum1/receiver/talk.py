# SPDX-License-Identifier: MIT
"""Question and answer with a receiver over its serial line, in the tongues that receivers mix: UBX, CASIC, NMEA."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Protocol, TypeVar

_SYNC = b"\xb5\x62"
_CASIC_SYNC = b"\xba\xce"
_PAYLOAD_BYTES = 2048
"""No message that matters is longer; a length beyond it is a false start."""
_SENTENCE_BYTES = 128
_HELD_BYTES = 2 * _PAYLOAD_BYTES


class Port(Protocol):
    """A serial line."""

    def write(self, data: bytes) -> None: ...

    def read(self, seconds: float) -> bytes:
        """What comes next, b"" when nothing does within `seconds`."""


@dataclass(frozen=True, slots=True)
class Ubx:
    class_: int
    id_: int
    payload: bytes = b""
    casic: bool = False
    """In the frame of the CASIC protocol: the same ideas and numbers, another order and another sum."""

    def frame(self) -> bytes:
        """As it goes over the line: sync, class, id, length, payload and the 8-bit Fletcher sum (RFC 1145)."""
        if self.casic:
            return self._casic_frame()
        body = bytes([self.class_, self.id_]) + len(self.payload).to_bytes(2, "little") + self.payload
        return _SYNC + body + _fletcher(body)

    def _casic_frame(self) -> bytes:
        """Sync, length, class, id, payload of whole words, and the sum of all words after the sync."""
        body = len(self.payload).to_bytes(2, "little") + bytes([self.class_, self.id_]) + self.payload
        return _CASIC_SYNC + body + _words(body)


@dataclass(frozen=True, slots=True)
class Sentence:
    body: str
    """Between $ and *."""

    def frame(self) -> bytes:
        body = self.body.encode("ascii")
        return b"$" + body + b"*%02X\r\n" % _xor(body)


Message = Ubx | Sentence
T = TypeVar("T")


class Splitter:
    """Cuts a byte stream into messages with a good checksum; the rest is skipped, and what is held is bounded."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        messages: list[Message] = []
        for at in range(0, len(data), _PAYLOAD_BYTES):
            self._held += data[at : at + _PAYLOAD_BYTES]
            while (taken := self._next(messages)) > 0:
                del self._held[:taken]
            if len(self._held) > _HELD_BYTES:
                del self._held[: len(self._held) - _HELD_BYTES]
        return messages

    def _next(self, messages: list[Message]) -> int:
        """How many bytes are done with; 0: more must come first."""
        held = self._held
        starts = [at for at in (held.find(_SYNC[0]), held.find(_CASIC_SYNC[0]), held.find(b"$")) if at >= 0]
        if not starts:
            return len(held)
        start = min(starts)
        if start:
            return start
        if held[0] == ord("$"):
            return self._next_sentence(messages)
        return self._next_frame(messages, casic=held[0] == _CASIC_SYNC[0])

    def _next_frame(self, messages: list[Message], casic: bool) -> int:
        held = self._held
        if len(held) >= 2 and held[1] != (_CASIC_SYNC if casic else _SYNC)[1]:
            return 1
        if len(held) < 6:
            return 0
        length = int.from_bytes(held[2:4] if casic else held[4:6], "little")
        if length > _PAYLOAD_BYTES or (casic and length % 4):
            return 1
        after = 10 if casic else 8
        if len(held) < length + after:
            return 0
        body = bytes(held[2 : 6 + length])
        if bytes(held[6 + length : length + after]) != (_words(body) if casic else _fletcher(body)):
            return 1
        class_, id_ = (body[2], body[3]) if casic else (body[0], body[1])
        messages.append(Ubx(class_, id_, body[4:], casic))
        return length + after

    def _next_sentence(self, messages: list[Message]) -> int:
        end = self._held.find(b"\n", 0, _SENTENCE_BYTES)
        if end < 0:
            return 1 if len(self._held) >= _SENTENCE_BYTES else 0
        body, star, checksum = bytes(self._held[1:end]).strip().partition(b"*")
        try:
            good = bool(star) and int(checksum, 16) == _xor(body) and body.isascii()
        except ValueError:
            good = False
        if not good:
            return 1
        messages.append(Sentence(body.decode("ascii")))
        return end + 1


class Talk:
    """`clock` counts seconds."""

    def __init__(self, port: Port, clock: Callable[[], float] = time.monotonic) -> None:
        self._port = port
        self._clock = clock
        self._splitter = Splitter()

    def listen(self, wanted: Callable[[Message], T | None], seconds: float) -> T | None:
        """The first thing that `wanted` makes of what comes within `seconds`, or None."""
        deadline = self._clock() + seconds
        while (left := deadline - self._clock()) > 0:
            for message in self._splitter.feed(self._port.read(left)):
                found = wanted(message)
                if found is not None:
                    return found
        return None

    def send(self, message: Message) -> None:
        self._port.write(message.frame())

    def ask(self, question: Message, wanted: Callable[[Message], T | None], seconds: float, tries: int) -> T | None:
        """As `listen`, after `question`, which is sent again when no answer comes: lines lose bytes."""
        for _ in range(tries):
            self._port.write(question.frame())
            found = self.listen(wanted, seconds)
            if found is not None:
                return found
        return None


def _fletcher(body: bytes) -> bytes:
    a = b = 0
    for byte in body:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return bytes([a, b])


def _words(body: bytes) -> bytes:
    total = sum(int.from_bytes(body[at : at + 4], "little") for at in range(0, len(body), 4))
    return (total & 0xFFFFFFFF).to_bytes(4, "little")


def _xor(body: bytes) -> int:
    return reduce(lambda a, b: a ^ b, body, 0)
