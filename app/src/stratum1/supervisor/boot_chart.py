# SPDX-License-Identifier: MIT
"""The supervisor's rows of the boot chart: when each process first showed life, and when the time was first known.

The start scripts have written theirs, seconds since power-on and a name, to the same file in RAM. A supervisor that
is started anew later adds nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

from stratum1.paths import Paths
from stratum1.tracking import State, TrackingReader

LOCKED = "locked"


class BootChart:
    def __init__(self, chart: Path, tracking: Path) -> None:
        self._chart = chart
        self._reader = TrackingReader(tracking)
        self._wanted = self._open()

    @classmethod
    def of(cls, paths: Paths) -> BootChart:
        return cls(paths.boot_chart, paths.tracking)

    def turn(self, alive: Iterable[str]) -> None:
        """Note what was reached since the last turn; `alive` names the processes that have shown a sign of life."""
        if not self._wanted:
            return
        reached = set(alive)
        if LOCKED in self._wanted and (snapshot := self._reader.read()) is not None and snapshot.state is State.LOCKED:
            reached.add(LOCKED)
        if new := [name for name in self._wanted if name in reached]:
            # Its own clock, not the loop's: CLOCK_BOOTTIME is what /proc/uptime counts.
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            with contextlib.suppress(OSError), self._chart.open("a", encoding="ascii") as file:
                file.writelines(f"{now:.2f} {name}\n" for name in new)
            self._wanted = [name for name in self._wanted if name not in reached]

    def _open(self) -> list[str]:
        """What is still to come: nothing where no chart was begun, or where a supervisor before us was at it."""
        try:
            rows = self._chart.read_text(encoding="ascii", errors="replace").splitlines()
        except OSError:
            return []
        last = rows[-1].split()[-1] if rows and rows[-1].split() else ""
        return ["timekeeper", "responder", "web", LOCKED] if last == "supervisor" else []
