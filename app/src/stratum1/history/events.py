# SPDX-License-Identifier: MIT
"""The changes of state with their reasons: a file of fixed size, the oldest is written over."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from stratum1.tracking import Reason, State

_BODY = struct.Struct("<QqBxH")
_CRC = struct.Struct("<I")
EVENT_SIZE = _BODY.size + _CRC.size
EVENTS_KEPT = 512


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state or of its reason."""

    number: int
    """Counts up from 1 over all restarts."""
    utc_ns: int | None
    """When it was seen; None while no time is known, as before the first lock after a power cut."""
    state: State
    reason: Reason

    def pack(self) -> bytes:
        body = _BODY.pack(self.number, self.utc_ns or 0, self.state, self.reason)
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def unpack(cls, raw: bytes) -> Event | None:
        """None for a slot that was never written, or not to its end."""
        if len(raw) != EVENT_SIZE:
            return None
        body = raw[: _BODY.size]
        number, utc_ns, state, reason = _BODY.unpack(body)
        if number == 0 or _CRC.unpack(raw[_BODY.size :])[0] != zlib.crc32(body):
            return None
        try:
            return cls(number, utc_ns or None, State(state), Reason(reason))
        except ValueError:
            return None  # written by a newer version that knows more reasons


class EventLog:
    """The file at `path`; what cannot be written is kept in memory and tried again at the next flush."""

    def __init__(self, path: Path) -> None:
        self._path = path
        last = max(self._stored(), key=lambda event: event.number, default=None)
        self._number = last.number if last else 0
        # That this process was started anew is no change of state.
        self._last = (last.state, last.reason) if last else None
        self._unwritten: list[tuple[Event, int]] = []

    def see(self, state: State, reason: Reason, utc_ns: int | None, monotonic_ns: int) -> bool:
        """True when this differs from what was seen last, by this process or the one before."""
        if utc_ns is not None:
            # Now the time is known, and with it when the undated ones happened.
            self._unwritten = [
                (event if event.utc_ns is not None else replace(event, utc_ns=utc_ns - (monotonic_ns - then)), then)
                for event, then in self._unwritten
            ]
        if (state, reason) == self._last:
            return False
        self._last = (state, reason)
        self._number += 1
        self._unwritten.append((Event(self._number, utc_ns, state, reason), monotonic_ns))
        del self._unwritten[:-EVENTS_KEPT]
        return True

    def flush(self, *, undated: bool = False) -> None:
        """Write what is dated, and with `undated` (at the end of the process) the rest too; OSError loses nothing."""
        ready = [event for event, _ in self._unwritten if undated or event.utc_ns is not None]
        if not ready:
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            for event in ready:
                os.pwrite(fd, event.pack(), event.number % EVENTS_KEPT * EVENT_SIZE)
        finally:
            os.close(fd)
        self._unwritten = [] if undated else [pair for pair in self._unwritten if pair[0].utc_ns is None]

    def newest(self, limit: int = EVENTS_KEPT) -> list[Event]:
        """Newest first."""
        found = {event.number: event for event in self._stored()}
        found.update({event.number: event for event, _ in self._unwritten})
        return sorted(found.values(), key=lambda event: -event.number)[:limit]

    def _stored(self) -> list[Event]:
        try:
            raw = self._path.read_bytes()[: EVENTS_KEPT * EVENT_SIZE]
        except OSError:
            return []
        slots = (Event.unpack(raw[at : at + EVENT_SIZE]) for at in range(0, len(raw), EVENT_SIZE))
        return [event for event in slots if event is not None]
