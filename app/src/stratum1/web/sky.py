# SPDX-License-Identifier: MIT
"""Satellites as they stand in the sky and how loud each is, as coordinates of a drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

RADIUS = 100.0
"""Of the horizon, in the units of the drawing; the zenith is the origin, north is up, east to the right."""

LOUDEST_DBHZ = 55.0


@dataclass(frozen=True, slots=True)
class Satellite:
    name: str
    """Constellation's letter and number, as RINEX writes it: G07, R12, E03."""
    constellation: str
    used: bool
    cn0_dbhz: float
    elevation_deg: float | None
    azimuth_deg: float | None
    x: float | None
    y: float | None
    """None where the receiver does not say, or below the horizon."""

    @property
    def share(self) -> float:
        """Height of its bar, 0 to 1."""
        return min(max(self.cn0_dbhz / LOUDEST_DBHZ, 0.0), 1.0)


_SYSTEMS = {
    "GPS": ("G", 0),
    "GLONASS": ("R", 64),
    "Galileo": ("E", 300),
    "BeiDou": ("C", 400),
    "QZSS": ("J", 192),
    "NavIC": ("I", 0),
    "SBAS": ("S", 100),
}
"""RINEX's letter, and what gpsd adds to the satellite's own number to tell the systems apart."""


def name_of(constellation: str, prn: int) -> str:
    letter, added = _SYSTEMS.get(constellation, ("?", 0))
    return f"{letter}{prn - added if prn > added else prn:02d}"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _place(elevation: float | None, azimuth: float | None) -> tuple[float, float] | None:
    if elevation is None or azimuth is None or not 0 <= elevation <= 90:
        return None
    away = RADIUS * (90 - elevation) / 90
    angle = math.radians(azimuth)
    return round(away * math.sin(angle), 1), round(-away * math.cos(angle), 1)


def satellites(rows: object) -> list[Satellite]:
    """From the receiver's status file; what is not as it should be is left out."""
    found = []
    for row in rows if isinstance(rows, Iterable) and not isinstance(rows, (str, dict)) else ():
        if isinstance(row, dict) and (each := _satellite(row)) is not None:
            found.append(each)
    return found


@dataclass(frozen=True, slots=True)
class Constellation:
    name: str
    heard: int
    used: int
    loudest_dbhz: float
    mean_dbhz: float
    """Of those that are heard."""


def constellations(sky: Iterable[Satellite]) -> list[Constellation]:
    """Those of which at least one satellite is heard, the most useful first."""
    heard: dict[str, list[Satellite]] = {}
    for each in sky:
        if each.cn0_dbhz > 0:
            heard.setdefault(each.constellation, []).append(each)
    found = [
        Constellation(
            name,
            len(group),
            sum(each.used for each in group),
            max(each.cn0_dbhz for each in group),
            sum(each.cn0_dbhz for each in group) / len(group),
        )
        for name, group in heard.items()
    ]
    return sorted(found, key=lambda each: (-each.used, -each.heard, each.name))


def _satellite(row: dict[str, Any]) -> Satellite | None:
    number = _number(row.get("prn"))
    if number is None:
        return None
    constellation = str(row.get("constellation", ""))
    elevation, azimuth = _number(row.get("elevation_deg")), _number(row.get("azimuth_deg"))
    place = _place(elevation, azimuth)
    return Satellite(
        name=name_of(constellation, int(number)),
        constellation=constellation or "unknown",
        used=row.get("used") is True,
        cn0_dbhz=max(_number(row.get("cn0_dbhz")) or 0.0, 0.0),
        elevation_deg=elevation,
        azimuth_deg=azimuth,
        x=place[0] if place else None,
        y=place[1] if place else None,
    )
