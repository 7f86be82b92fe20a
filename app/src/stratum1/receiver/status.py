# SPDX-License-Identifier: MIT
"""The receiver's health as a person wants to see it: device, fix, sky and a plain verdict, asked of gpsd by gpsd-py3.

The library reads the answer; the connection is ours, as the library's has no timeout and is one for the whole process,
and the satellites are read here, as the library keeps neither PRN nor C/N0.
"""

from __future__ import annotations

import dataclasses
import json
import socket
import time
from dataclasses import dataclass
from typing import Any, TextIO

from stratum1.receiver import naming

TIMEOUT_S = 2.0
"""For each wait on gpsd; it answers within a millisecond when it lives."""

_STRONG_DBHZ = 37.0
"""Above this a satellite's signal is clear of the noise of a city and a window."""

_MESSAGES = 40
"""gpsd may send this many other messages before the one that was asked for."""
_LINE_CHARACTERS = 65_536

_CONSTELLATIONS = ("GPS", "SBAS", "Galileo", "BeiDou", "IMES", "QZSS", "GLONASS", "NavIC")
"""By gnssid of gpsd_json(5)."""

_PRN_RANGES = (
    (1, 32, "GPS"),
    (33, 64, "SBAS"),
    (65, 96, "GLONASS"),
    (120, 158, "SBAS"),
    (193, 202, "QZSS"),
    (301, 336, "Galileo"),
    (401, 463, "BeiDou"),
)


@dataclass(frozen=True, slots=True)
class Satellite:
    prn: int
    constellation: str
    elevation_deg: float | None
    azimuth_deg: float | None
    cn0_dbhz: float
    """0 = not received."""
    used: bool


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """One answer of gpsd; with `problem` set the rest is what is known nevertheless."""

    problem: str = ""
    """Why there is nothing to tell, as one line; empty when all is well."""
    gpsd: str = ""
    """Release of gpsd."""
    name: str = ""
    path: str = ""
    driver: str = ""
    baud: int = 0
    fix_mode: int = 0
    """0 unknown, 1 none, 2 = 2D, 3 = 3D or time only."""
    satellites: tuple[Satellite, ...] = ()
    """Strongest first."""
    verdict: str = ""
    """How good reception is, in words."""

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return dataclasses.asdict(self)


def poll(port: int) -> ReceiverStatus:
    """Ask the gpsd on the loopback address; never raises, takes some TIMEOUT_S at the worst."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            return _ask(connection)
    except TimeoutError:
        return ReceiverStatus(problem=f"gpsd on port {port} does not answer")
    except OSError as error:
        return ReceiverStatus(problem=f"gpsd on port {port}: {error.strerror or error}")
    except ValueError:
        return ReceiverStatus(problem=f"what answers on port {port} is no gpsd")


def _ask(connection: socket.socket) -> ReceiverStatus:
    with connection.makefile("rw", encoding="utf-8", errors="replace") as stream:
        # gpsd answers ?POLL only to who watches; nothing is streamed, as no format is asked for.
        _question(stream, '?WATCH={"enable":true};', "WATCH")
        release = _question(stream, "?VERSION;", "VERSION").get("release")
        devices = _question(stream, "?DEVICES;", "DEVICES").get("devices")
        packet = _question(stream, "?POLL;", "POLL")
    return _status(str(release or ""), devices, packet)


def _question(stream: TextIO, text: str, answer_class: str) -> dict[str, Any]:
    """The answer of that class, past what gpsd may tell of its own accord."""
    deadline = time.monotonic() + TIMEOUT_S
    stream.write(text + "\n")
    stream.flush()
    for _ in range(_MESSAGES):
        line = stream.readline(_LINE_CHARACTERS)
        if not line:
            raise ConnectionError("closed the connection")
        answer = json.loads(line)
        if isinstance(answer, dict) and answer.get("class") == answer_class:
            return answer
        if time.monotonic() > deadline:
            break
    raise TimeoutError


def _status(release: str, devices: object, packet: dict[str, Any]) -> ReceiverStatus:
    rows = _rows(devices)
    # A device without "activated" is one that gpsd knows and cannot read.
    device = next((row for row in rows if row.get("activated")), rows[0] if rows else {})
    packet = {**packet, **{key: _of(device, packet.get(key)) for key in ("tpv", "sky")}}
    satellites = _satellites(packet)
    mode = _fix_mode(packet)
    if not rows:
        problem = "gpsd has no receiver"
    elif not device.get("activated"):
        problem = f"{device.get('path', 'the receiver')} cannot be read"
    else:
        problem = ""
    words = [str(device.get(key, "")) for key in ("driver", "subtype", "subtype1")]
    return ReceiverStatus(
        problem=problem,
        gpsd=release[:32],
        name=naming.receiver_name(*words) if rows else "",
        path=str(device.get("path", "")),
        driver=words[0],
        baud=_integer(device.get("bps")) or 0,
        fix_mode=mode,
        satellites=satellites,
        verdict=problem or verdict(mode, satellites),
    )


def verdict(fix_mode: int, satellites: tuple[Satellite, ...]) -> str:
    """How good reception is and, when it is not, what would help."""
    strong = sum(s.cn0_dbhz > _STRONG_DBHZ for s in satellites)
    heard = sum(s.cn0_dbhz > 0 for s in satellites)
    counted = f"{strong} satellite{'' if strong == 1 else 's'} above {_STRONG_DBHZ:.0f} dB-Hz"
    if fix_mode < 2:
        if not heard:
            return "no satellite is received: check the antenna and its cable"
        return f"{heard} satellite{'' if heard == 1 else 's'} received, no fix yet: needs sky and some minutes"
    if strong >= 5:
        return f"{counted}: good"
    if strong >= 3:
        return f"{counted}: fair, more sky would help"
    return f"{counted}: weak, move the antenna to a window or outdoors"


def _fix_mode(packet: dict[str, Any]) -> int:
    import gpsd

    try:
        mode = gpsd.GpsResponse.from_json(packet).mode
    except (LookupError, TypeError, ValueError, AttributeError, UserWarning):
        return 0  # the library wants a receiver that has spoken already
    return mode if mode in (1, 2, 3) else 0


def _satellites(packet: dict[str, Any]) -> tuple[Satellite, ...]:
    lists = [row["satellites"] for row in _rows(packet.get("sky")) if row.get("satellites")]
    rows = _rows(lists[-1]) if lists else []
    found = [_satellite(row) for row in rows[:200]]
    return tuple(sorted(found, key=lambda s: (-s.cn0_dbhz, s.constellation, s.prn)))


def _satellite(row: dict[str, Any]) -> Satellite:
    prn = _integer(row.get("PRN")) or 0
    gnss = _integer(row.get("gnssid"))
    if gnss is not None and 0 <= gnss < len(_CONSTELLATIONS):
        constellation = _CONSTELLATIONS[gnss]
    else:
        constellation = next((name for low, high, name in _PRN_RANGES if low <= prn <= high), "unknown")
    return Satellite(
        prn=prn,
        constellation=constellation,
        elevation_deg=_float(row.get("el")),
        azimuth_deg=_float(row.get("az")),
        cn0_dbhz=_float(row.get("ss")) or 0.0,
        used=row.get("used") is True,
    )


def _of(device: dict[str, Any], reports: object) -> list[dict[str, Any]]:
    """Those about `device`, where gpsd has several."""
    rows = _rows(reports)
    return [row for row in rows if row.get("device", device.get("path")) == device.get("path")] or rows


def _rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
        return None
    return float(value)


def _integer(value: object) -> int | None:
    number = _float(value)
    return None if number is None else int(number)
