# SPDX-License-Identifier: MIT
"""Server-sent events: one status a second to a bounded number of viewers.

Each stream holds a worker thread of the server while it lasts, hence the bound; who comes too late asks
once a second instead, and sees the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

LONGEST_S = 300
"""A stream ends after so many events; a browser comes back by itself, and a forgotten tab frees its thread."""


class Feed:
    """`make` gives the text of one event; `wait_s` how long until the next is due, in seconds."""

    def __init__(self, make: Callable[[], str], wait_s: Callable[[], float], limit: int) -> None:
        self._make = make
        self._wait_s = wait_s
        self._free = threading.BoundedSemaphore(limit)
        self._over = threading.Event()

    def subscribe(self) -> Stream | None:
        """A stream of events, or None when all places are taken or the server is about to end."""
        if self._over.is_set() or not self._free.acquire(blocking=False):
            return None
        return Stream(self._events(), self._free.release)

    def close(self) -> None:
        """End every stream within a moment."""
        self._over.set()

    def _events(self) -> Iterator[bytes]:
        yield b"retry: 1000\n\n"
        for _ in range(LONGEST_S):
            yield f"data: {self._make()}\n\n".encode()
            if self._over.wait(self._wait_s()):
                return


class Stream:
    """An iterable that gives its place back when the server closes it, even if it was never begun."""

    def __init__(self, events: Iterator[bytes], release: Callable[[], None]) -> None:
        self._events = events
        self._release: Callable[[], None] | None = release

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()
