# SPDX-License-Identifier: MIT
"""Worlds that show every page in every state, for the gallery and the golden frames."""

from __future__ import annotations

import math
from collections.abc import Iterator

from stratum1.panel.world import Satellite, Traffic, World
from stratum1.words import Status, describe
from stratum1.words.samples import NOW, SNAPSHOTS

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
        name: describe(snapshot, (NOW, snapshot.bound_ns, snapshot.state.serves))
        for name, snapshot in SNAPSHOTS.items()
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
