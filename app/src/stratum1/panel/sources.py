# SPDX-License-Identifier: MIT
"""Gathers what pages show: the snapshot every second, the rest seldom and only where it is looked at."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from pathlib import Path
from typing import Any

from stratum1 import __version__
from stratum1.network import own_addresses
from stratum1.ntp.counters import CountersReader
from stratum1.panel.world import Satellite, Traffic, World
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import TrackingReader
from stratum1.upstream import Upstream
from stratum1.upstream import read as read_upstream
from stratum1.words import Status, describe
from stratum1.words.alarms import Alarm, alarms

_SELDOM_S = 5
# A curve of ten minutes over the width of the panel.
_CURVE_STEP_S = 5
_CURVE_POINTS = 126


class Sources:
    """Reads what other processes leave in the run folder; whatever is missing or broken is simply not shown."""

    def __init__(self, paths: Paths, reader: TrackingReader) -> None:
        self._paths = paths
        self._reader = reader
        self._next = 0
        self._addresses: tuple[str, ...] = ()
        self._offsets: deque[int] = deque(maxlen=_CURVE_POINTS)
        self._point = 0
        self._receiver: dict[str, Any] = {}
        self._children: dict[str, Any] = {}
        self._counters = CountersReader(paths.responder_counters)
        self._traffic_problem = ""
        self._upstream: Upstream | None = None
        self._standing: frozenset[str] = frozenset()
        self._traffic: Traffic | None = None
        self._counted = 0
        self._serial = _text(paths.proc / "device-tree" / "serial-number").lstrip("0")
        self._model = _text(paths.proc / "device-tree" / "model").removeprefix("Raspberry ")

    def world(self, target: int, settings: Settings, height: int = 64, glass: str = "") -> World:
        """What is true at the second that begins at `target` (served UTC, ns)."""
        second = target // NS_PER_S
        if not 0 < self._next - second <= _SELDOM_S:
            self._next = second + _SELDOM_S
            self._look()
        snapshot, now = self._reader.read(), self._reader.now()
        if snapshot is not None and now is not None:
            rate = snapshot.bound_rate if 0 <= snapshot.bound_rate < 1 else 0.0
            now = (target, now[1] + math.ceil(rate * max(target - now[0], 0)), now[2])
        status = describe(snapshot, now, settings.system.zone)
        if status.offset_ns is not None and abs(second - self._point) >= _CURVE_STEP_S:
            self._offsets.append(status.offset_ns)
            self._point = second
        host = next(iter(self._addresses), "")
        return World(
            status=status,
            second=second,
            height=height,
            name=settings.system.name,
            addresses=self._addresses,
            host=host,
            url=_url(host, settings.web.port),
            satellites=_satellites(self._receiver.get("satellites")),
            offsets=tuple(self._offsets),
            traffic=lambda: self._count(second),
            alarms=tuple(alarm.text for alarm in self._alarms(status, settings)),
            message=message(settings.panel.message, target),
            version=__version__,
            serial=self._serial,
            model=self._model,
            glass=glass,
            uptime_s=_uptime(self._paths.proc / "uptime"),
        )

    def _alarms(self, status: Status, settings: Settings) -> tuple[Alarm, ...]:
        upstream = self._upstream if settings.upstream.servers else None
        found = alarms(status, self._children, self._traffic_problem, upstream, self._standing)
        self._standing = frozenset(alarm.key for alarm in found)
        return found

    def _look(self) -> None:
        self._reader.reopen()  # a new timekeeper may have made the page anew
        self._addresses = tuple(item.text for item in own_addresses())
        self._receiver = _json(self._paths.receiver_status)
        self._children = _json(self._paths.children_status)
        self._upstream = read_upstream(self._paths)
        counted = self._counters.read()
        self._traffic_problem = counted.problem if counted else ""

    def _count(self, second: int) -> Traffic | None:
        """What the responder counted, not older than a few seconds."""
        if not 0 < self._counted - second <= _SELDOM_S:
            self._counted = second + _SELDOM_S
            counted = self._counters.read()
            if counted is None:
                self._traffic = None
                return None
            clients = self._counters.clients(most=1_000_000)
            self._traffic = Traffic(
                per_second=counted.per_second,
                served=counted.served,
                dropped=sum(counted.dropped.values()),
                clients=len(clients),
                top=clients[0].address if clients else "",
            )
        return self._traffic


def message(text: str, now_ns: int) -> str:
    """`text` with every {instant} turned into the time left until it: 12:34:56, or 3 d 04:05:06."""

    def left(match: re.Match[str]) -> str:
        seconds = max(parse_iso_utc(match[1]) - now_ns, 0) // NS_PER_S
        days, seconds = divmod(seconds, 86_400)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{days} d {clock}" if days else clock

    return re.sub(r"\{([^}]*)\}", left, text)


def _satellites(rows: object) -> tuple[Satellite, ...]:
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            cn0 = _number(row.get("cn0_dbhz")) or 0.0
            elevation, azimuth = _number(row.get("elevation_deg")), _number(row.get("azimuth_deg"))
            found.append(Satellite(cn0, row.get("used") is True, elevation, azimuth))
    return tuple(sorted(found, key=lambda item: -item.cn0))


def _url(host: str, port: int) -> str:
    if not host:
        return ""
    plain = f"[{host}]" if ":" in host else host
    return f"http://{plain}" if port == 80 else f"http://{plain}:{port}"


def _number(value: object) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if plain else None  # type: ignore[arg-type]


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    """A device-tree property; they end with a zero byte."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _uptime(path: Path) -> int:
    try:
        return int(float(path.read_text(encoding="ascii").split()[0]))
    except (OSError, ValueError, IndexError):
        return 0
