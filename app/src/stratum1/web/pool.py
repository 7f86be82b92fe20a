# SPDX-License-Identifier: MIT
"""What the public pool of time servers asks of a member, held against this box."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stratum1.history import Record
from stratum1.network import Address
from stratum1.ntp.counters import Counters
from stratum1.settings import Settings
from stratum1.tracking import State
from stratum1.words import Status

WEEKS_S = 14 * 86_400
HOUR_S = 3600
GOOD_SHARE = 0.995


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the list."""

    level: str
    """good, warning (better, but not needed), alarm (needed) or busy (only a person can tell)."""
    what: str
    found: str
    """How it is, and what to do where it is not good."""


def readiness(
    settings: Settings,
    addresses: Iterable[Address],
    status: Status,
    counters: Counters | None,
    month: Iterable[Record],
    now_s: int,
) -> list[Verdict]:
    """`month` are hourly records, `now_s` is UTC."""
    return [
        _public(settings, addresses),
        _fixed(settings),
        _port(settings),
        _everyone(settings),
        _limited(settings),
        _good("Time is good now", status.serves, f"{status.state}, {status.bound}", status.headline),
        _lasting(month, now_s),
        _good(
            "No leap smear",
            not settings.ntp.smear,
            "leap seconds are announced",
            "switch ntp.smear off: around a leap second a public server must not differ from all the others",
        ),
        _compared(settings),
        _answering(counters),
        Verdict(
            "busy",
            "Reached from outside",
            "Ask from another network, as from a phone without Wi-Fi. Behind a router UDP port 123 must be passed on "
            "to this box; routers with small tables of connections fall over under a pool's load",
        ),
    ]


def _good(what: str, good: bool, yes: str, no: str, worst: str = "alarm") -> Verdict:
    return Verdict("good" if good else worst, what, yes if good else no)


def _public(settings: Settings, addresses: Iterable[Address]) -> Verdict:
    public = [str(each.address) for each in addresses if each.address.is_global]
    served = [text for text in public if (settings.ntp.ipv6 if ":" in text else settings.ntp.ipv4)]
    return _good(
        "Public address",
        bool(served),
        ", ".join(served),
        "this box has private addresses only: let the router pass on UDP port 123, and register the router's address",
        "warning",
    )


def _fixed(settings: Settings) -> Verdict:
    fixed = [
        name for name, how in (("IPv4", settings.network.ipv4), ("IPv6", settings.network.ipv6)) if how == "static"
    ]
    return _good(
        "Fixed address",
        bool(fixed),
        f"{' and '.join(fixed)} fixed in the settings",
        "the address is handed out: fix it in the settings or at the router, and ask your provider whether the public "
        "one ever changes; members are found by it for years",
        "warning",
    )


def _port(settings: Settings) -> Verdict:
    found = settings.ntp.port
    return _good("Standard port", found == 123, "UDP port 123", f"set ntp.port to 123; it is {found}")


def _everyone(settings: Settings) -> Verdict:
    whole = {"0.0.0.0/0", "::/0"}
    wanted = {net for net, on in (("0.0.0.0/0", settings.ntp.ipv4), ("::/0", settings.ntp.ipv6)) if on}
    return _good(
        "Everyone is answered",
        settings.ntp.everyone or wanted <= (whole & set(settings.ntp.allow)),
        "ntp.everyone is on" if settings.ntp.everyone else "ntp.allow has all networks",
        "switch ntp.everyone on; until then strangers get no answer",
    )


def _limited(settings: Settings) -> Verdict:
    rate = settings.ntp.rate_per_minute
    return _good(
        "Rates are limited",
        rate > 0,
        f"{rate} a minute for one address; questions of ntpq are answered on local networks only",
        "set ntp.rate_per_minute, so that one broken client cannot use up your line",
    )


def _lasting(month: Iterable[Record], now_s: int) -> Verdict:
    recent = [record for record in month if record.start_s > now_s - WEEKS_S]
    what = "Two weeks without trouble"
    if not recent:
        return Verdict("busy", what, "nothing has been recorded yet")
    days = min(now_s - min(record.start_s for record in recent), WEEKS_S) / 86_400
    hours = max(days * 24, 1)
    share = min(sum(record.state is State.LOCKED for record in recent) / hours, 1.0)
    text = f"locked without a break in {share:.1%} of the hours of the last {days:.1f} days"
    if days < 13.9:
        return Verdict("busy", what, f"{text}; wait until two weeks are full")
    return _good(what, share >= GOOD_SHARE, text, f"{text}; the history says why", "warning")


def _compared(settings: Settings) -> Verdict:
    number = len(settings.upstream.servers)
    return _good(
        "Compared with others",
        number >= 4,
        f"with {number} other servers",
        "name four others in upstream.servers, so that a receiver gone wrong is noticed; the box never follows them",
        "warning",
    )


def _answering(counters: Counters | None) -> Verdict:
    both = counters is not None and counters.ipv4 and counters.ipv6
    either = counters is not None and (counters.ipv4 or counters.ipv6)
    if counters is None or not either:
        return Verdict("alarm", "IPv4 and IPv6", "the responder does not run")
    only = "IPv4" if counters.ipv4 else "IPv6"
    return _good("IPv4 and IPv6", both, "both are answered", f"only {only} is answered, which is allowed", "warning")
