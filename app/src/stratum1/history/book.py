# SPDX-License-Identifier: MIT
"""The whole record: three spans and the changes of state, and when each is written."""

from __future__ import annotations

import threading
from pathlib import Path

from stratum1.history.allan import Point
from stratum1.history.events import Event, EventLog
from stratum1.history.record import Record, Sample
from stratum1.history.ring import Ring, Span
from stratum1.history.stability import Stability
from stratum1.paths import Paths
from stratum1.tracking import Reason, Snapshot, State

SPANS = {span.name: span for span in (Span("hour", 10, 360), Span("day", 120, 720), Span("month", 3600, 744))}

WRITTEN_EVERY = 10
"""Intervals of the day's span (120 s each) between two writes to the data partition."""


def _named(stem: Path, name: str) -> Path:
    return stem.with_name(f"{stem.name}-{name}")


class History:
    """Filled by one thread and read by any."""

    def __init__(self, paths: Paths) -> None:
        self._lock = threading.Lock()
        self._hour = Ring(_named(paths.history_run, "hour"), SPANS["hour"])
        self._day = Ring(_named(paths.history_data, "day"), SPANS["day"])
        self._month = Ring(_named(paths.history_data, "month"), SPANS["month"])
        self._events = EventLog(_named(paths.history_data, "events"))
        self._stability = Stability(_named(paths.history_data, "stability"))
        self._since_write = 0

    def see(self, state: State, reason: Reason, sample: Sample | None, monotonic_ns: int) -> None:
        """One look; `sample` is None while the time is not known.  OSError when something could not be written."""
        with self._lock:
            changed = self._events.see(state, reason, sample.utc_ns if sample else None, monotonic_ns)
            hour_done = day_done = False
            if sample is not None:
                hour_done, day_done = self._hour.add(sample), self._day.add(sample)
                self._month.add(sample)
            self._since_write += day_done
            if hour_done:
                self._hour.flush()
            if changed or hour_done:
                self._events.flush()
            if self._since_write >= WRITTEN_EVERY:
                self._since_write = 0
                self._day.flush()
                self._month.flush()
                self._stability.flush()

    def watch(self, snapshot: Snapshot, locked: bool) -> None:
        """One look for the Allan deviation; `locked` while the pulses are followed."""
        with self._lock:
            self._stability.see(snapshot, locked)

    def close(self) -> None:
        """Write everything; OSError when that cannot be."""
        with self._lock:
            self._events.flush(undated=True)
            for ring in (self._hour, self._day, self._month):
                ring.flush()
            self._stability.flush()

    def stability(self) -> dict[str, list[Point]]:
        """Allan deviation of the served clock and of the bare crystal ("served", "crystal")."""
        with self._lock:
            return {"served": self._stability.served.points(), "crystal": self._stability.crystal.points()}

    def records(self, span: str, until_s: int) -> list[Record]:
        """The records of a span ("hour", "day", "month") that ends at `until_s` (UTC seconds), oldest first."""
        ring = {"hour": self._hour, "day": self._day, "month": self._month}[span]
        with self._lock:
            return ring.records(until_s)

    def events(self, limit: int) -> list[Event]:
        """The newest changes of state, newest first."""
        with self._lock:
            return self._events.newest(limit)
