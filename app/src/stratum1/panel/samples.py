# SPDX-License-Identifier: MIT
"""Worlds that show every page in every state, for the gallery and the golden frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from stratum1.panel.world import Satellite, Traffic, World
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Antenna, Leap, Reason, Snapshot, State
from stratum1.words import Status, describe

_NOW = parse_iso_utc("2026-11-22T14:05:38Z")

LOCKED = Snapshot(
    state=State.LOCKED,
    reason=Reason.TRACKING,
    leap=Leap.NONE,
    stratum=1,
    refid=b"PPS\0",
    kernel_ns=_NOW,
    reference_ns=_NOW,
    bound_ns=1_210,
    bound_rate=1e-6,
    frequency=-3.21e-6,
    jitter_ns=84,
    offset_ns=130,
    state_since_ns=_NOW - 12_000 * NS_PER_S,
    holdover_left_ns=9_000 * NS_PER_S,
    last_pulse_ns=_NOW,
    pulses_accepted=11_000,
    temperature_mc=41_230,
    fix_mode=3,
    utc_valid=True,
    satellites_used=9,
    satellites_seen=14,
    receiver="u-blox MAX-M8Q",
    pulse_device="/dev/pps0",
)
_LOST = replace(LOCKED, satellites_used=0, satellites_seen=2, fix_mode=1)
_NEVER = replace(_LOST, reference_ns=0, pulses_accepted=0, stratum=0, refid=b"", last_pulse_ns=0)

_SNAPSHOTS: dict[str, Snapshot] = {
    "locked": LOCKED,
    "searching": replace(_NEVER, state=State.ACQUIRING, reason=Reason.NO_FIX, satellites_seen=3, satellites_used=1),
    "settling": replace(
        LOCKED, state=State.ACQUIRING, reason=Reason.SETTLING, reference_ns=0, labels_agreeing=5, labels_needed=8
    ),
    "no-receiver": replace(_NEVER, state=State.ACQUIRING, reason=Reason.NO_RECEIVER, satellites_seen=0),
    "holdover": replace(
        _LOST, state=State.HOLDOVER, reason=Reason.FIX_LOST, bound_ns=84_000, state_since_ns=_NOW - 300 * NS_PER_S
    ),
    "antenna": replace(_LOST, state=State.HOLDOVER, reason=Reason.FIX_LOST, bound_ns=84_000, antenna=Antenna.OPEN),
    "unsynchronised": replace(
        _LOST, state=State.UNSYNCHRONISED, reason=Reason.BOUND_EXCEEDED, bound_ns=10_400_000, stratum=0
    ),
    "stepped": replace(LOCKED, state=State.UNSYNCHRONISED, reason=Reason.CLOCK_STEPPED, stratum=0),
}

_SKY = (
    (47.0, True, 72, 130), (45.5, True, 38, 62), (44.0, True, 55, 210), (42.5, True, 24, 300), (41.0, True, 61, 340),
    (38.0, True, 18, 95), (36.0, True, 33, 180), (33.5, True, 12, 255), (31.0, True, 44, 20), (27.0, False, 9, 150),
    (24.0, False, 6, 40), (19.0, False, 15, 330), (0.0, False, 4, 200), (0.0, False, 8, 280),
)  # fmt: skip
_SATELLITES = tuple(Satellite(cn0, used, float(el), float(az)) for cn0, used, el, az in _SKY)
_OFFSETS = tuple(round(140 * math.sin(i / 5.3) * math.sin(i / 31) + 45 * math.sin(i * 2.1)) for i in range(126))


def _traffic() -> Traffic:
    return Traffic(per_second=12.4, served=1_234_567, dropped=87, clients=42, top="192.168.1.20")


def statuses() -> dict[str, Status]:
    """A status for every state that reads differently."""
    found = {
        name: describe(snapshot, (_NOW, snapshot.bound_ns, snapshot.state.serves))
        for name, snapshot in _SNAPSHOTS.items()
    }
    found["no-timekeeper"] = describe(None, None)
    return found


def worlds(height: int) -> Iterator[tuple[str, World]]:
    """A box in each of its states."""
    for name, status in statuses().items():
        lost = status.satellites_used < 4
        yield (
            name,
            World(
                status=status,
                second=0,
                height=height,
                name="stratum1",
                addresses=("192.168.1.57", "2001:db8:1234:5678:ba27:ebff:fe12:3456"),
                host="192.168.1.57",
                url="http://192.168.1.57",
                satellites=_SATELLITES[8:11] if lost else _SATELLITES,
                offsets=_OFFSETS if status.offset_ns is not None else (),
                traffic=_traffic if status.serves else lambda: None,
                alarms=() if status.level in ("good", "busy") else (f"{status.headline} {status.advice}",),
                version="0.1.0",
                serial="a1b2c3d4",
                model="Pi 4 Model B Rev 1.5",
                glass="SH1106 128x64",
                uptime_s=187_234,
            ),
        )
