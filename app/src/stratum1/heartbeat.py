# SPDX-License-Identifier: MIT
"""A process tells its supervisor that its main loop still turns.

The supervisor hands the writing end of a pipe down in STRATUM1_HEARTBEAT_FD; a process started by
hand has none, and beat() then does nothing.
"""

from __future__ import annotations

import os

VARIABLE = "STRATUM1_HEARTBEAT_FD"


class Heartbeat:
    def __init__(self) -> None:
        text = os.environ.pop(VARIABLE, "")
        self._fd: int | None = int(text) if text.isdigit() else None
        if self._fd is not None:
            try:
                os.set_blocking(self._fd, False)
                os.set_inheritable(self._fd, False)
            except OSError:
                self._fd = None  # the variable came from elsewhere, the pipe did not

    def beat(self) -> None:
        """To be called about once a second from the loop whose life it proves; never blocks."""
        if self._fd is None:
            return
        try:
            os.write(self._fd, b".")
        except BlockingIOError:
            pass  # the pipe is full of beats: the supervisor is the one that is slow
        except OSError:
            self._fd = None
