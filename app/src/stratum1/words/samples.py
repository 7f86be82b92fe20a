# SPDX-License-Identifier: MIT
"""A snapshot for every state that reads differently: what gallery, golden frames and tests start from."""

from __future__ import annotations

from dataclasses import replace

from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Antenna, Leap, Reason, Snapshot, State
from stratum1.tracking.snapshot import Survey

NOW = parse_iso_utc("2026-11-22T14:05:38Z")

LOCKED = Snapshot(
    state=State.LOCKED,
    reason=Reason.TRACKING,
    leap=Leap.NONE,
    stratum=1,
    refid=b"PPS\0",
    kernel_ns=NOW,
    reference_ns=NOW,
    bound_ns=1_210,
    bound_rate=1e-6,
    frequency=-3.21e-6,
    jitter_ns=84,
    offset_ns=130,
    state_since_ns=NOW - 12_000 * NS_PER_S,
    holdover_left_ns=9_000 * NS_PER_S,
    last_pulse_ns=NOW,
    pulses_accepted=11_000,
    temperature_mc=41_230,
    fix_mode=3,
    utc_valid=True,
    satellites_used=9,
    satellites_seen=14,
    receiver="u-blox MAX-M8Q",
    pulse_device="/dev/pps0",
)
LOST = replace(LOCKED, satellites_used=0, satellites_seen=2, fix_mode=1)
NEVER = replace(LOST, reference_ns=0, pulses_accepted=0, stratum=0, refid=b"", last_pulse_ns=0)

SNAPSHOTS: dict[str, Snapshot] = {
    "locked": LOCKED,
    "searching": replace(NEVER, state=State.ACQUIRING, reason=Reason.NO_FIX, satellites_seen=3, satellites_used=1),
    "settling": replace(
        LOCKED, state=State.ACQUIRING, reason=Reason.SETTLING, reference_ns=0, labels_agreeing=5, labels_needed=8
    ),
    "no-receiver": replace(NEVER, state=State.ACQUIRING, reason=Reason.NO_RECEIVER, satellites_seen=0),
    "holdover": replace(
        LOST, state=State.HOLDOVER, reason=Reason.FIX_LOST, bound_ns=84_000, state_since_ns=NOW - 300 * NS_PER_S
    ),
    "antenna": replace(LOST, state=State.HOLDOVER, reason=Reason.FIX_LOST, bound_ns=84_000, antenna=Antenna.OPEN),
    "unsynchronised": replace(
        LOST, state=State.UNSYNCHRONISED, reason=Reason.BOUND_EXCEEDED, bound_ns=10_400_000, stratum=0
    ),
    "stepped": replace(LOCKED, state=State.UNSYNCHRONISED, reason=Reason.CLOCK_STEPPED, stratum=0),
}

SURVEYING = replace(LOCKED, survey_state=Survey.RUNNING, survey_s=7_500, survey_accuracy_mm=2_310)
