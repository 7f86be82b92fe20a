# SPDX-License-Identifier: MIT
"""Looks at the clock once a second and hands what it saw to the history."""

from __future__ import annotations

import sys
import threading
import time

from stratum1.history import Sample
from stratum1.tracking import Reason, State
from stratum1.web.box import Box
from stratum1.words import Status, describe


def sample_of(status: Status) -> Sample | None:
    """None while the time is not known.  Without pulses there is no offset, whatever the last one was."""
    if not status.time_known or status.served_ns is None:
        return None
    locked = status.state == State.LOCKED.name
    return Sample(
        utc_ns=status.served_ns,
        state=State[status.state],
        offset_ns=status.offset_ns if locked else None,
        jitter_ns=status.jitter_ns if locked else None,
        bound_ns=status.bound_ns,
        frequency_ppm=status.frequency_ppm,
        temperature_c=status.temperature_c,
        satellites=status.satellites_used,
    )


def _until_half_past(next_second_s: float) -> float:
    """Looks come in the middle of the second, when what belongs to its pulse has long been published."""
    return next_second_s + (0.5 if next_second_s < 0.75 else -0.5)


class Recorder(threading.Thread):
    def __init__(self, box: Box) -> None:
        super().__init__(name="recorder", daemon=True)
        self._box = box
        self._history = box.history
        self._over = threading.Event()
        self._failing = False

    def run(self) -> None:
        while not self._over.wait(_until_half_past(self._box.until_next_second_s())):
            self.look()
        try:
            self._history.close()
        except OSError as error:
            self._complain(error)

    def look(self) -> None:
        snapshot, now = self._box.reading()
        status = describe(snapshot, now)
        if snapshot is not None:
            self._history.watch(snapshot, status.state == State.LOCKED.name)
        try:
            self._history.see(State[status.state], Reason[status.reason], sample_of(status), time.monotonic_ns())
            self._failing = False
        except OSError as error:
            self._complain(error)

    def stop(self) -> None:
        """Write what there is and end; waits for that."""
        self._over.set()
        self.join(timeout=1.0)

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            print(f"stratum1 web: the history cannot be written: {error}", file=sys.stderr, flush=True)
        self._failing = True
