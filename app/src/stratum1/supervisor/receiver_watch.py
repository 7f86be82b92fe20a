# SPDX-License-Identifier: MIT
"""Asks gpsd how the receiver is, for those who show it, and to see that gpsd still answers.

In a thread of its own, because a gpsd that hangs may keep whoever asks it waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from stratum1.receiver.status import ReceiverStatus
from stratum1.supervisor.files import write_json

PERIOD_S = 5.0


class ReceiverWatch:
    def __init__(
        self,
        poll: Callable[[], ReceiverStatus],
        path: Path,
        remember: Callable[[], None] = lambda: None,
    ) -> None:
        """What `poll` tells is written to `path`; `remember` is called while gpsd understands a receiver."""
        self._poll = poll
        self._path = path
        self._remember = remember
        self._end = threading.Event()
        self.answered: float | None = None
        """Monotonic time of gpsd's last answer."""

    def start(self) -> None:
        threading.Thread(target=self._run, name="receiver watch", daemon=True).start()

    def stop(self) -> None:
        """Does not wait: a poll that hangs ends with the process."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.is_set():
            self.look()
            self._end.wait(PERIOD_S)

    def look(self) -> None:
        status = self._poll()
        if status.gpsd:
            self.answered = time.monotonic()
        if status.driver and not status.problem:
            self._remember()
        write_json(self._path, status.as_dict())
