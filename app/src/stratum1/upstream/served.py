# SPDX-License-Identifier: MIT
"""Our own time, from the tracking page."""

from __future__ import annotations

import time
from pathlib import Path

from stratum1.tracking import TrackingReader
from stratum1.tracking.page import evaluate
from stratum1.upstream.monitor import Served


class TrackingClock:
    """Without a page the kernel's clock, for which nothing is claimed."""

    precision = -20
    """A program's readings of the clock, with what the interpreter takes between them: a microsecond."""

    def __init__(self, path: Path) -> None:
        self._reader = TrackingReader(path)

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def kernel_ns(self) -> int:
        return time.time_ns()

    def served(self, kernel_ns: int) -> Served:
        self._reader.reopen()
        snapshot = self._reader.read()
        if snapshot is None:
            return Served(kernel_ns, 0, serves=False, steps=-1)
        # The monotonic clock at that reading of the other one, so that a step since then is seen.
        monotonic_ns = time.monotonic_ns() - (time.time_ns() - kernel_ns)
        utc_ns, bound_ns, serves = evaluate(snapshot, kernel_ns, monotonic_ns)
        return Served(utc_ns, bound_ns, serves, snapshot.steps if serves else -2 - snapshot.steps)
