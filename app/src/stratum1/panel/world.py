# SPDX-License-Identifier: MIT
"""Everything that a page may show, at one second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from stratum1.words import Status


@dataclass(frozen=True, slots=True)
class Satellite:
    cn0: float
    """Carrier to noise density, dB-Hz; 0 = not heard."""
    used: bool
    elevation: float | None = None
    azimuth: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    per_second: float
    served: int
    dropped: int
    clients: int
    top: str
    """Address of who asks most."""


@dataclass(frozen=True, slots=True)
class World:
    status: Status = field(default_factory=Status)
    second: int = 0
    """Served second, which turns texts that share a place."""
    height: int = 64
    """Rows of the panel: there is not room for everything on 32."""
    name: str = ""
    addresses: tuple[str, ...] = ()
    host: str = ""
    """The address of the setup page, as a person types it."""
    url: str = ""
    satellites: tuple[Satellite, ...] = ()
    offsets: tuple[int, ...] = ()
    """ns, the newest last."""
    traffic: Callable[[], Traffic | None] = lambda: None
    """Counted only when it is looked at: the table of clients is long.  None: nobody serves."""
    alarms: tuple[str, ...] = ()
    """What is wrong and what to do, the most important first."""
    message: str = ""
    """A line that a person has set: "ON AIR", a countdown."""
    version: str = ""
    serial: str = ""
    model: str = ""
    glass: str = ""
    uptime_s: int = 0
