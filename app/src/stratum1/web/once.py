# SPDX-License-Identifier: MIT
"""What is shown once: kept here between the form that made it and the page that shows it, for who made it alone.

The answer to a form leads on to a page, so that loading that anew makes nothing a second time.  The session's cookie,
which everybody on the way may read, carries a number drawn by chance and never the secret.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from flask import session

LASTS_S = 120.0
"""Who has not come by then finds nothing."""
MOST = 16


class Once:
    """One for each kind of secret; `name` is that of its place in the session."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, str]] = {}

    def keep(self, secret: str) -> None:
        """For the next page of this session."""
        ticket = session[self._name] = secrets.token_urlsafe(16)
        with self._lock:
            self._forget_old()
            self._kept[ticket] = (self._clock(), secret)
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]

    def take(self) -> str:
        """What was kept for this session; empty when that is nothing, was taken or is too old."""
        if self._name not in session:
            return ""
        ticket = session.pop(self._name)
        with self._lock:
            self._forget_old()
            return self._kept.pop(ticket, (0.0, ""))[1]

    def _forget_old(self) -> None:
        now = self._clock()
        self._kept = {ticket: kept for ticket, kept in self._kept.items() if now - kept[0] < LASTS_S}
