# SPDX-License-Identifier: MIT
"""NMEA 0183 sentences as a GPS receiver sends them, one burst a second: RMC GGA GSA GSV.. ZDA."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from stratum1.simulator.sky import ALTITUDE_M, LATITUDE_DEG, LONGITUDE_DEG, Satellite
from stratum1.simulator.world import Label

_FORGED_DEG = 0.009


@dataclass(frozen=True, slots=True)
class Moment:
    """What the receiver believes at one epoch."""

    label: Label | None
    """None: it has no idea of the time yet."""
    fix_mode: int
    """1 none, 2 = 2D, 3 = 3D."""
    satellites: Sequence[Satellite]
    centiseconds: int = 0
    """Past the label's second, for receivers of more than 1 Hz."""
    leap_seconds: int = 18
    """GPS - UTC that it goes by."""
    leap_received: bool = True
    """Whether that came from a satellite, or is what the firmware was built with."""
    leap_change: int = 0
    leap_left_s: int = 0
    """The announced leap, and in how many seconds; 0 = none."""
    next_early_ps: int = 0
    """By how much the next pulse will come too early."""
    forged: bool = False
    """Whether the signals are somebody's, who wants us a kilometre to the north."""

    @property
    def latitude_deg(self) -> float:
        return LATITUDE_DEG + (_FORGED_DEG if self.forged else 0.0)


def sentence(body: str) -> bytes:
    """`body` between $ and *, with its checksum."""
    checksum = 0
    for byte in body.encode("ascii"):
        checksum ^= byte
    return f"${body}*{checksum:02X}\r\n".encode("ascii")


def burst(moment: Moment) -> list[bytes]:
    """The sentences of one epoch, in the order in which they go over the line."""
    hhmmss, ddmmyy, date = _clock(moment)
    fixed = moment.fix_mode >= 2
    place = f"{_angle(moment.latitude_deg, 2)},{'N' if LATITUDE_DEG >= 0 else 'S'},"
    place += f"{_angle(LONGITUDE_DEG, 3)},{'E' if LONGITUDE_DEG >= 0 else 'W'}"
    if not fixed:
        place = ",,,"
    used = [satellite for satellite in moment.satellites if satellite.used] if fixed else []
    dop = ("1.75", "0.98", "1.45") if fixed else ("99.99", "99.99", "99.99")
    motion = "0.012," if fixed else ","
    slots = ",".join([f"{satellite.prn:02d}" for satellite in used[:12]] + [""] * (12 - len(used[:12])))
    height = f"{ALTITUDE_M:.1f},M,45.4,M" if fixed else ",,,"
    return [
        sentence(f"GPRMC,{hhmmss},{'A' if fixed else 'V'},{place},{motion},{ddmmyy},,,{'A' if fixed else 'N'}"),
        sentence(f"GPGGA,{hhmmss},{place},{int(fixed)},{len(used):02d},{dop[1]},{height},,"),
        sentence(f"GPGSA,A,{moment.fix_mode},{slots},{','.join(dop)}"),
        *_in_view(moment.satellites),
        sentence(f"GPZDA,{hhmmss},{date},00,00"),
    ]


def _in_view(satellites: Sequence[Satellite]) -> list[bytes]:
    groups = [satellites[i : i + 4] for i in range(0, len(satellites), 4)] or [()]
    lines = []
    for number, group in enumerate(groups, 1):
        body = f"GPGSV,{len(groups)},{number},{len(satellites):02d}"
        for s in group:
            body += (
                f",{s.prn:02d},{s.elevation_deg:02d},{s.azimuth_deg:03d},{f'{s.cn0_dbhz:02d}' if s.cn0_dbhz else ''}"
            )
        lines.append(sentence(body))
    return lines


def _clock(moment: Moment) -> tuple[str, str, str]:
    """hhmmss.ss, ddmmyy and dd,mm,yyyy; empty fields while the time is not known."""
    if moment.label is None:
        return "", "", ",,"
    t = time.gmtime(moment.label.unix_s)
    second = 60 if moment.label.is_leap else t.tm_sec
    return (
        f"{t.tm_hour:02d}{t.tm_min:02d}{second:02d}.{moment.centiseconds:02d}",
        f"{t.tm_mday:02d}{t.tm_mon:02d}{t.tm_year % 100:02d}",
        f"{t.tm_mday:02d},{t.tm_mon:02d},{t.tm_year:04d}",
    )


def _angle(degrees: float, width: int) -> str:
    whole, part = divmod(abs(degrees), 1.0)
    return f"{int(whole):0{width}d}{part * 60.0:08.5f}"
