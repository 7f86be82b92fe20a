# SPDX-License-Identifier: MIT
"""Waiting for an emulated machine: by polling, with deadlines that stretch as the host proves slow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

QUIET_BOOT_S = 25.0
"""From power-on to the first answer on a quiet host of 2 cores."""
MOST = 4.0


class Patience:
    """How many times slower than a quiet host this one is: by its boots and by its load."""

    def __init__(self) -> None:
        self.boot_s = QUIET_BOOT_S
        """The last one; what is to happen after a start is planned by it."""

    def booted(self, seconds: float) -> None:
        self.boot_s = seconds

    @property
    def factor(self) -> float:
        # The machine itself keeps one core at work, and is no reason to wait.
        load = (os.getloadavg()[0] - 1) / (os.cpu_count() or 1)
        return max(1.0, min(max(self.boot_s / QUIET_BOOT_S, load), MOST))


patience = Patience()


def wait_until(what: str, look: Callable[[], Result | None], seconds: float, every: float = 0.25) -> Result:
    """The first true value that `look` gives; AssertionError naming `what` after `seconds` (of a quiet host)."""
    start = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - start
        assert waited < seconds * patience.factor, f"waited {waited:.0f} s in vain: {what}"
        time.sleep(every)
