# SPDX-License-Identifier: MIT
"""The GPS satellites over one place: near enough to the real sky to look right on a sky plot."""

from __future__ import annotations

import math
from dataclasses import dataclass

LATITUDE_DEG = 51.4779
LONGITUDE_DEG = -0.0015
ALTITUDE_M = 46.0
"""Where the simulated antenna stands: the Royal Observatory, Greenwich."""

_EARTH_KM = 6371.0
_ORBIT_KM = 26_560.0
_INCLINATION = math.radians(55.0)
_SIDEREAL_DAY_S = 86_164.1
_PLANES = 6
_PER_PLANE = 5
_HORIZON_DEG = 5.0
_USED_ABOVE_DEG = 10.0
_USED_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class Satellite:
    prn: int
    elevation_deg: int
    azimuth_deg: int
    cn0_dbhz: int
    """0 = seen in the almanac, not received."""
    used: bool


def satellites(unix_s: int, share: float = 1.0) -> list[Satellite]:
    """The sky at `unix_s`, highest first; `share` of it (0..1) is received so far, as while a receiver searches."""
    up: list[tuple[float, float, int]] = []
    for prn in range(1, _PLANES * _PER_PLANE + 1):
        elevation, azimuth = _look(prn, unix_s)
        if elevation >= _HORIZON_DEG:
            up.append((elevation, azimuth, prn))
    up.sort(reverse=True)
    received = math.ceil(share * len(up))
    result = []
    for rank, (elevation, azimuth, prn) in enumerate(up):
        # A patch antenna: strong overhead, weak near the horizon, a little restless.
        restless = (prn * 7 + unix_s // 4 * 5) % 4
        cn0 = round(29 + 17 * math.sin(math.radians(elevation))) + restless if rank < received else 0
        used = bool(cn0) and elevation >= _USED_ABOVE_DEG and rank < _USED_AT_MOST
        result.append(Satellite(prn, round(elevation), round(azimuth) % 360, cn0, used))
    return result


def _look(prn: int, unix_s: int) -> tuple[float, float]:
    """(elevation, azimuth) in degrees of a satellite on a circular orbit of half a sidereal day."""
    plane, slot = divmod(prn - 1, _PER_PLANE)
    turn = 2.0 * math.pi * (unix_s % 86_164) / _SIDEREAL_DAY_S
    along = 2.0 * turn + 2.0 * math.pi * (slot / _PER_PLANE + plane / (_PLANES * _PER_PLANE))
    # The node goes round against the turning Earth.
    node = 2.0 * math.pi * plane / _PLANES - turn
    x = math.cos(along) * math.cos(node) - math.sin(along) * math.cos(_INCLINATION) * math.sin(node)
    y = math.cos(along) * math.sin(node) + math.sin(along) * math.cos(_INCLINATION) * math.cos(node)
    z = math.sin(along) * math.sin(_INCLINATION)
    latitude, longitude = math.radians(LATITUDE_DEG), math.radians(LONGITUDE_DEG)
    x, y, z = x * _ORBIT_KM, y * _ORBIT_KM, z * _ORBIT_KM
    x -= _EARTH_KM * math.cos(latitude) * math.cos(longitude)
    y -= _EARTH_KM * math.cos(latitude) * math.sin(longitude)
    z -= _EARTH_KM * math.sin(latitude)
    east = -math.sin(longitude) * x + math.cos(longitude) * y
    outward = math.cos(longitude) * x + math.sin(longitude) * y
    north = -math.sin(latitude) * outward + math.cos(latitude) * z
    upward = math.cos(latitude) * outward + math.sin(latitude) * z
    return math.degrees(math.atan2(upward, math.hypot(east, north))), math.degrees(math.atan2(east, north)) % 360.0
