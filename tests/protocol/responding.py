# SPDX-License-Identifier: MIT
"""The answer path under a simulated clock, and pages that say what a test wants the timekeeper to have said."""

from __future__ import annotations

import calendar
import tempfile
from pathlib import Path
from typing import Any

from stratum1.ntp.access import Policy
from stratum1.ntp.answer import Answerer, Outcome
from stratum1.tracking import Leap, Reason, Snapshot, State, TrackingWriter

NS = 1_000_000_000
MONOTONIC = 5000 * NS


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, ns: int = 0) -> int:
    return calendar.timegm((year, month, day, hour, minute, second)) * NS + ns


NOW = utc(2026, 11, 22, 13, 0, 0, 250_000_000)


def snapshot(at: int = NOW, **changes: Any) -> Snapshot:
    """What a healthy timekeeper says at the kernel time `at`: locked, kernel clock 1.5 ms behind."""
    said: dict[str, Any] = {
        "state": State.LOCKED,
        "reason": Reason.TRACKING,
        "leap": Leap.NONE,
        "stratum": 1,
        "refid": b"PPS\0",
        "precision": -23,
        "kernel_ns": at,
        "correction_ns": 1_500_000,
        "realtime_minus_monotonic_ns": at - MONOTONIC,
        "reference_ns": at - at % NS,
        "bound_ns": 3_000,
        "bound_rate": 1e-6,
        "utc_valid": True,
    }
    return Snapshot(**(said | changes))


def page_of(said: Snapshot) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tracking"
        TrackingWriter(path).write(said)
        return path.read_bytes()


class Server:
    """An Answerer whose clocks stand still until a test moves them; `said` is the timekeeper's word."""

    def __init__(
        self, said: Snapshot | None = None, *, at: int = NOW, precision: int = -24, rows: int = 64, **rules: Any
    ) -> None:
        self.page = page_of(snapshot(at) if said is None else said)
        self.now = at
        self.monotonic = MONOTONIC
        self.answerer = Answerer(Policy(**rules), precision=precision, rows=rows, seed=bytes(range(24)))

    def say(self, said: Snapshot | None) -> None:
        self.page = None if said is None else page_of(said)

    def pass_time(self, ns: int) -> None:
        self.now += ns
        self.monotonic += ns

    def ask(self, data: bytes, source: str = "192.168.1.7", wait_ns: int = 2_000) -> Outcome:
        """The outcome for a datagram stamped now and answered `wait_ns` later."""
        return self.answerer.answer(
            data,
            source=source,
            receive_ns=self.now,
            transmit_ns=self.now + wait_ns,
            monotonic_ns=self.monotonic,
            page=self.page,
        )
