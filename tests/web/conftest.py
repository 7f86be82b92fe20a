# SPDX-License-Identifier: MIT
"""A box without a timekeeper: tests write the tracking page themselves and look at what the page makes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from snapshots import Publish

from stratum1.paths import Paths
from stratum1.tracking import Snapshot, TrackingWriter


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(root=tmp_path / "root", run=tmp_path / "run", data=tmp_path / "data")
    for folder in (found.root, found.run, found.data):
        folder.mkdir()
    return found


@pytest.fixture
def publish(paths: Paths) -> Iterator[Publish]:
    """Writes a snapshot as a timekeeper would now: instants are filled in from this machine's clocks."""
    writer: list[TrackingWriter] = []

    def write(snapshot: Snapshot) -> Snapshot:
        if not writer:
            writer.append(TrackingWriter(paths.tracking))
        kernel = time.time_ns()
        snapshot = replace(
            snapshot,
            kernel_ns=kernel,
            realtime_minus_monotonic_ns=kernel - time.monotonic_ns(),
            reference_ns=kernel if snapshot.pulses_accepted else 0,
            last_pulse_ns=kernel if snapshot.pulses_accepted else 0,
            state_since_ns=kernel - 12_000 * 10**9,
        )
        writer[0].write(snapshot)
        return snapshot

    yield write
