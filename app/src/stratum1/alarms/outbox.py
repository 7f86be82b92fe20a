# SPDX-License-Identifier: MIT
"""What still has to be sent over one way: bounded in number and rate, tried again with patience, kept over a restart.

Pure but for its file.  Times are seconds of a monotonic clock that goes on while the process does not run.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from pathlib import Path
from typing import Any

from stratum1 import safefile
from stratum1.alarms.message import Message

MOST = 50
"""Messages that wait; of more the oldest go."""
HOUR_S = 3600.0
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 600.0


class Outbox:
    def __init__(self, path: Path, per_hour: int) -> None:
        self._path = path
        self._per_hour = per_hour
        self._waiting: deque[Message] = deque()
        self._taken: deque[float] = deque()
        self._left_out = 0
        self._retry_s = FIRST_RETRY_S
        self._next = 0.0
        self.problem = ""
        """Why the last attempt failed; empty when it did not."""
        self.sent = 0
        self._restore()

    def put(self, now: float, message: Message) -> None:
        """Take it in, or only count it when there were too many in the last hour."""
        while self._taken and not 0 <= now - self._taken[0] < HOUR_S:
            self._taken.popleft()
        if len(self._taken) >= self._per_hour:
            self._left_out += 1
        else:
            self._taken.append(now)
            self._waiting.append(message.counting(self._left_out))
            self._left_out = 0
            if len(self._waiting) > MOST:
                lost = self._waiting.popleft()
                self._waiting[0] = self._waiting[0].counting(self._waiting[0].left_out + lost.left_out + 1)
        self._keep()

    def due(self, now: float) -> Message | None:
        """What is to be sent now; stays until done() or failed()."""
        return self._waiting[0] if self._waiting and now >= self._next else None

    def done(self) -> None:
        self._waiting.popleft()
        self.sent += 1
        self.problem, self._retry_s, self._next = "", FIRST_RETRY_S, 0.0
        self._keep()

    def failed(self, now: float, why: str) -> None:
        self.problem = why
        self._next = now + self._retry_s
        self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)

    def __len__(self) -> int:
        return len(self._waiting)

    def _keep(self) -> None:
        content = {
            "waiting": [message.as_dict() for message in self._waiting],
            "taken": list(self._taken),
            "left_out": self._left_out,
        }
        with contextlib.suppress(OSError):  # a full run folder: it is still in memory
            safefile.replace(self._path, json.dumps(content).encode())

    def _restore(self) -> None:
        try:
            content: dict[str, Any] = json.loads(self._path.read_bytes())
            waiting = [Message.from_dict(item) for item in content["waiting"]]
            taken = [float(item) for item in content["taken"]]
            left_out = int(content["left_out"])
        except (OSError, ValueError, TypeError, KeyError):
            return
        self._waiting.extend(waiting[-MOST:])
        self._taken.extend(taken[-self._per_hour :])
        self._left_out = max(left_out, 0)
