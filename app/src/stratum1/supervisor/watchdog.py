# SPDX-License-Identifier: MIT
"""The board's hardware watchdog: unless it is fed, it restarts the machine (the kernel's watchdog-api.rst)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from pathlib import Path

# linux/watchdog.h
WDIOC_SETTIMEOUT = 0xC0045706
MAGIC_CLOSE = b"V"

TIMEOUT_S = 15
"""The most that the watchdog of every Raspberry Pi takes."""


class Watchdog:
    """Opening the device starts the countdown; close() stops it, an end without close() does not."""

    def __init__(self, device: Path) -> None:
        """OSError when it is not there or is in somebody else's hands."""
        self._fd = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        # Not every watchdog can be told; it then keeps its own time, and one second of feeding suits all.
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, WDIOC_SETTIMEOUT, struct.pack("i", TIMEOUT_S))

    def feed(self) -> None:
        os.write(self._fd, b"\0")

    def close(self) -> None:
        try:
            os.write(self._fd, MAGIC_CLOSE)
        finally:
            os.close(self._fd)
