# SPDX-License-Identifier: MIT
"""What each page says, as data; draw.py knows how it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stratum1.panel.world import World
from stratum1.words import format_duration
from stratum1.words.tongue import _

# Texts that share a place take turns; long enough to be read twice.
TURN_S = 4


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


@dataclass(frozen=True, slots=True)
class CodePage:
    """A QR code with what to know beside it."""

    url: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    """In small letters below the texts."""


@dataclass(frozen=True, slots=True)
class SkyPage:
    title: str
    right: str
    bars: tuple[tuple[float, bool], ...]
    """Carrier to noise density (dB-Hz) and whether used, the strongest first."""
    dots: tuple[tuple[float, float, bool], ...]
    """Elevation and azimuth in degrees, and whether used."""
    text: str


@dataclass(frozen=True, slots=True)
class CurvePage:
    title: str
    right: str
    values: tuple[int, ...]
    """Offsets in ns, the newest last."""
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ListPage:
    title: str
    right: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TextPage:
    """Sentences, broken into lines and turned page by page."""

    title: str
    right: str
    text: str
    second: int


@dataclass(frozen=True, slots=True)
class AskPage:
    """A question that the buttons answer."""

    title: str
    choice: str
    hint: str
    fraction: float
    """How much of the countdown is left, 0..1; 0 without one."""


Page = ClockPage | CodePage | SkyPage | CurvePage | ListPage | TextPage | AskPage


def clock_page(world: World) -> ClockPage | CodePage:
    """Time, state, stratum, satellites, offset or bound, and the address at which the box is found.

    As long as there has been no time at all, the way to the setup page and what is waited for instead.
    """
    status = world.status
    if world.url and not status.time_known and status.level != "alarm" and world.height >= 64:
        return CodePage(world.url, texts=(status.short, status.progress), labels=(world.host,))
    # An IPv6 address alone fills a line; it is shown here only where it is the only way in.
    plain = tuple(text for text in world.addresses if ":" not in text) or world.addresses[:1]
    address = _turn(plain, world.second) or _("no network")
    if status.level == "good":
        middle = (f"{status.day[:3]} {status.long_date[:-5]}", status.zone)
        bottom = (_turn((status.bound, status.offset), world.second), address)
        turns: tuple[str, ...] = (status.bound, address)
    else:
        turns = tuple(text for text in (status.progress, status.bound, address) if text not in ("", "±?"))
        middle = (status.short, "")
        bottom = (_turn(turns, world.second), "")
        turns = (status.state, status.short, *turns)
    if world.message:
        middle = (world.message, "")
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


def sources_page(world: World) -> SkyPage:
    """Every satellite that is heard, and where it stands."""
    status = world.status
    return SkyPage(
        title=_("SATELLITES"),
        right=status.satellites,
        bars=tuple((item.cn0, item.used) for item in world.satellites if item.cn0 > 0),
        dots=tuple(
            (item.elevation, item.azimuth, item.used)
            for item in world.satellites
            if item.elevation is not None and item.azimuth is not None
        ),
        text=_turn(tuple(filter(None, (status.fix, status.reception, status.receiver))), world.second),
    )


def discipline_page(world: World) -> CurvePage:
    """How well the clock is held."""
    status = world.status
    rows: tuple[tuple[str, str], ...] = (
        (_("frequency"), status.frequency),
        (_("jitter"), status.jitter),
        (_("temperature"), status.temperature),
        (_("holdover"), status.holdover_left),
    )
    if world.height < 64:
        rows = (rows[world.second // TURN_S % len(rows)], *rows)
    return CurvePage(title=_("OFFSET"), right=status.offset, values=world.offsets, rows=rows)


def network_page(world: World) -> CodePage | TextPage:
    """Where the box is found."""
    if world.url and world.height >= 64:
        return CodePage(world.url, texts=(world.name,), labels=world.addresses)
    text = " ".join(world.addresses) or _("No network: check the cable.")
    return TextPage(_("NETWORK"), world.name, text, world.second)


def clients_page(world: World) -> ListPage:
    """Who asks for the time, and how often."""
    traffic = world.traffic()
    if traffic is None:
        return ListPage(_("CLIENTS"), "", (("", _("nobody is served yet")),))
    return ListPage(
        _("CLIENTS"),
        f"{traffic.per_second:.1f}/s" if traffic.per_second < 1000 else f"{traffic.per_second:.0f}/s",
        (
            (_("known"), str(traffic.clients)),
            (_("top"), traffic.top or "-"),
            (_("served"), _count(traffic.served)),
            (_("dropped"), _count(traffic.dropped)),
        ),
    )


def alarms_page(world: World) -> TextPage:
    """What is wrong and what to do about it, one after the other."""
    alarms = world.alarms
    if not alarms:
        return TextPage(_("ALARMS"), _("none"), _("All is well. Nothing to do."), 0)
    text = " ".join(alarms)
    return TextPage(_("ALARMS"), str(len(alarms)), text, world.second)


def about_page(world: World) -> ListPage:
    """What this box is."""
    return ListPage(
        "STRATUM1",
        world.version,
        (
            (_("up"), format_duration(world.uptime_s * 1_000_000_000)),
            (_("serial"), world.serial or "-"),
            (_("model"), world.model or "-"),
            (_("panel"), world.glass or "-"),
        ),
    )


def details_page(world: World) -> ListPage:
    """Everything that is known, a screen at a time."""
    rows = tuple(row for row in world.status.rows() if row[0] not in ("Because", "To do", "Detail", "Time", "UTC"))
    size = 5 if world.height >= 64 else 2
    screens = max((len(rows) + size - 1) // size, 1)
    screen = world.second // TURN_S % screens
    return ListPage(_("DETAILS"), f"{screen + 1}/{screens}", rows[screen * size : (screen + 1) * size])


PAGES: tuple[Callable[[World], Page], ...] = (
    clock_page,
    sources_page,
    discipline_page,
    network_page,
    clients_page,
    alarms_page,
    about_page,
)
"""In the order in which the button turns them."""


def _turn(texts: tuple[str, ...], second: int) -> str:
    return texts[second // TURN_S % len(texts)] if texts else ""


def _count(number: int) -> str:
    """A large number in three digits: 1.2 M."""
    for unit, name in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= unit:
            value = number / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return str(number)
