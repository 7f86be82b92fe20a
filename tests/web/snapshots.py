# SPDX-License-Identifier: MIT
"""Snapshots as a timekeeper publishes them in each state; the instants are filled in by `publish` of conftest.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stratum1.tracking import Leap, Reason, Snapshot, State
from stratum1.words.samples import SNAPSHOTS

LOCKED = replace(
    SNAPSHOTS["locked"],
    bound_ns=1_300,
    bound_rate=1e-9,
    holdover_left_ns=5 * 3600 * 10**9,
    frequency=-3.2e-6,
    jitter_ns=380,
    offset_ns=-112,
    pulses_accepted=8123,
    pulses_rejected=2,
    temperature_mc=48_200,
    tai_offset=37,
)
HOLDOVER = replace(LOCKED, state=State.HOLDOVER, reason=Reason.PULSE_LOST, bound_ns=210_000)
ACQUIRING = Snapshot(
    state=State.ACQUIRING, reason=Reason.NO_FIX, satellites_seen=3, receiver="u-blox MAX-M8Q", pulse_device="/dev/pps0"
)
UNSYNCHRONISED = replace(
    LOCKED,
    state=State.UNSYNCHRONISED,
    reason=Reason.BOUND_EXCEEDED,
    leap=Leap.UNKNOWN,
    stratum=0,
    refid=b"\0\0\0\0",
    bound_ns=12_000_000,
)

Publish = Callable[[Snapshot], Snapshot]
