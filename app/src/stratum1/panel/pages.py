# SPDX-License-Identifier: MIT
"""What each page says, as data; draw.py knows how it looks."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.words import Status

# Texts that share a place take turns; long enough to be read twice.
_TURN_S = 4


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a page may show, at one second."""

    status: Status
    second: int = 0
    """Served second, which turns texts that share a place."""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockPage:
    state: str
    good: bool
    stratum: str
    satellites: str
    """Used/seen."""
    time: str
    middle: tuple[str, str]
    """Left and right of the line below the time."""
    bottom: tuple[str, str]
    turn: str
    """One of the most important texts, for a panel with room for only one."""


Page = ClockPage


def clock_page(world: World) -> ClockPage:
    """Time, state, stratum, satellites, offset or bound, and the address at which the box is found."""
    status = world.status
    # An IPv6 address alone fills a line; it is shown here only where it is the only way in.
    plain = tuple(text for text in world.addresses if ":" not in text) or world.addresses[:1]
    address = _turn(plain, world.second) or "no network"
    if status.level == "good":
        middle = (f"{status.day[:3]} {status.long_date[:-5]}", status.zone)
        bottom = (_turn((status.bound, status.offset), world.second), address)
        turns: tuple[str, ...] = (status.bound, address)
    else:
        turns = tuple(text for text in (status.progress, status.bound, address) if text not in ("", "±?"))
        middle = (status.short, "")
        bottom = (_turn(turns, world.second), "")
        turns = (status.state, status.short, *turns)
    return ClockPage(
        state=status.state,
        good=status.level == "good",
        stratum=status.stratum,
        satellites=f"{status.satellites_used}/{status.satellites_seen}",
        time=status.time,
        middle=middle,
        bottom=bottom,
        turn=_turn(turns, world.second),
    )


def _turn(texts: tuple[str, ...], second: int) -> str:
    return texts[second // _TURN_S % len(texts)] if texts else ""
