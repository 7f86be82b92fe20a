# SPDX-License-Identifier: MIT
"""What the page knows of the box: the tracking page, the settings and what other processes left in the run folder."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratum1.history import History
from stratum1.network import Address, own_addresses
from stratum1.ntp.counters import Client, Counters, CountersReader
from stratum1.paths import Paths
from stratum1.settings import Settings, load
from stratum1.timescale import NS_PER_S
from stratum1.tracking import Snapshot, TrackingReader
from stratum1.web.trial import Trial
from stratum1.words import Status, describe


@dataclass(slots=True)
class Tls:
    """The encrypted pages, as far as there are any."""

    port: int | None = None
    """None while they are not served."""
    context: ssl.SSLContext | None = None
    """What new connections are made with; it may be given another certificate."""
    problem: str = ""
    """One line on why there are none, although the settings want them."""


class Box:
    """Read by all worker threads at once; `reload` swaps the settings in place."""

    def __init__(self, paths: Paths, settings: Settings | None = None) -> None:
        self.paths = paths
        self.trial = Trial(paths)
        self.tls = Tls()
        self.history = History(paths)
        self.counters = Counting(paths.responder_counters)
        self._reader = TrackingReader(paths.tracking)
        self._lock = threading.Lock()
        self.addresses: Callable[[], tuple[Address, ...]] = own_addresses
        self.closing: list[Callable[[], None]] = []
        """To be called when the server ends."""
        self.settings = Settings()
        self.settings_problem = ""
        if settings is None:
            self.reload()
        else:
            self.settings = settings

    def reload(self) -> None:
        loaded = load(self.paths.settings)
        self.settings, self.settings_problem = loaded.settings, loaded.problem

    def close(self) -> None:
        for end in self.closing:
            end()

    def reading(self) -> tuple[Snapshot | None, tuple[int, int, bool] | None]:
        """The snapshot and TrackingReader.now(); both None without a timekeeper's page."""
        with self._lock:
            self._reader.reopen()
            snapshot = self._reader.read()
            return (None, None) if snapshot is None else (snapshot, self._reader.now())

    def status(self) -> Status:
        snapshot, now = self.reading()
        return describe(snapshot, now, self.settings.system.zone)

    def until_next_second_s(self) -> float:
        """How long until the served clock steps, in seconds; a plain second while there is none."""
        with self._lock:
            now = self._reader.now()
        return 1.0 if now is None else 1.0 - (now[0] % NS_PER_S) / NS_PER_S + 0.002

    def receiver(self) -> dict[str, Any]:
        """Satellites and device as the supervisor's watch wrote them; empty when there is nothing."""
        return _json(self.paths.receiver_status)

    def network(self) -> dict[str, Any]:
        """What the supervisor says of the machine's network; empty where that is not ours to set up."""
        return _json(self.paths.network_status)

    def alarms(self) -> dict[str, Any]:
        """What the alarms' process says of them and of its ways; empty while it does not run."""
        return _json(self.paths.alarms_status)

    def children(self) -> dict[str, Any]:
        """What the supervisor says of its processes; empty when there is nothing."""
        return _json(self.paths.children_status)


class Counting:
    """CountersReader for many threads."""

    def __init__(self, path: Path) -> None:
        self._reader = CountersReader(path)
        self._lock = threading.Lock()

    def read(self) -> Counters | None:
        """None when no responder has written any."""
        with self._lock:
            return self._reader.read()

    def clients(self, most: int) -> list[Client]:
        """The busiest first."""
        with self._lock:
            return self._reader.clients(most)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
