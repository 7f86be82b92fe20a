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
from stratum1.words.tongue import _

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
        _good(_("Time is good now"), status.serves, f"{status.state}, {status.bound}", status.headline),
        _lasting(month, now_s),
        _good(
            _("No leap smear"),
            not settings.ntp.smear,
            _("leap seconds are announced"),
            _("switch ntp.smear off: around a leap second a public server must not differ from all the others"),
        ),
        _compared(settings),
        _answering(counters),
        Verdict(
            "busy",
            _("Reached from outside"),
            _(
                "Ask from another network, as from a phone without Wi-Fi. Behind a router UDP port 123 must be passed "
                "on to this box; routers with small tables of connections fall over under a pool's load"
            ),
        ),
    ]


def _good(what: str, good: bool, yes: str, no: str, worst: str = "alarm") -> Verdict:
    return Verdict("good" if good else worst, what, yes if good else no)


def _public(settings: Settings, addresses: Iterable[Address]) -> Verdict:
    public = [str(each.address) for each in addresses if each.address.is_global]
    served = [text for text in public if (settings.ntp.ipv6 if ":" in text else settings.ntp.ipv4)]
    return _good(
        _("Public address"),
        bool(served),
        ", ".join(served),
        _("this box has private addresses only: have the router pass on UDP port 123 and register its address"),
        "warning",
    )


def _fixed(settings: Settings) -> Verdict:
    fixed = [
        name for name, how in (("IPv4", settings.network.ipv4), ("IPv6", settings.network.ipv6)) if how == "static"
    ]
    names = _(" and ").join(fixed)
    return _good(
        _("Fixed address"),
        bool(fixed),
        _("{names} fixed in the settings").format(names=names),
        _(
            "the address is handed out: fix it in the settings or at the router, and ask your provider if the public "
            "one ever changes; members are found by it for years"
        ),
        "warning",
    )


def _port(settings: Settings) -> Verdict:
    found = settings.ntp.port
    return _good(
        _("Standard port"), found == 123, _("UDP port 123"), _("set ntp.port to 123; it is {found}").format(found=found)
    )


def _everyone(settings: Settings) -> Verdict:
    whole = {"0.0.0.0/0", "::/0"}
    wanted = {net for net, on in (("0.0.0.0/0", settings.ntp.ipv4), ("::/0", settings.ntp.ipv6)) if on}
    return _good(
        _("Everyone is answered"),
        settings.ntp.everyone or wanted <= (whole & set(settings.ntp.allow)),
        _("ntp.everyone is on") if settings.ntp.everyone else _("ntp.allow has all networks"),
        _("switch ntp.everyone on; until then strangers get no answer"),
    )


def _limited(settings: Settings) -> Verdict:
    rate = settings.ntp.rate_per_minute
    return _good(
        _("Rates are limited"),
        rate > 0,
        _("{rate} a minute for one address; questions of ntpq are answered on local networks only").format(rate=rate),
        _("set ntp.rate_per_minute, so that one broken client cannot use up your line"),
    )


def _lasting(month: Iterable[Record], now_s: int) -> Verdict:
    recent = [record for record in month if record.start_s > now_s - WEEKS_S]
    what = _("Two weeks without trouble")
    if not recent:
        return Verdict("busy", what, _("nothing has been recorded yet"))
    days = min(now_s - min(record.start_s for record in recent), WEEKS_S) / 86_400
    hours = max(days * 24, 1)
    share = min(sum(record.state is State.LOCKED for record in recent) / hours, 1.0)
    text = _("locked without a break in {share} of the hours of the last {days} days").format(
        share=f"{share:.1%}", days=f"{days:.1f}"
    )
    if days < 13.9:
        return Verdict("busy", what, _("{text}; wait until two weeks are full").format(text=text))
    return _good(what, share >= GOOD_SHARE, text, _("{text}; the history says why").format(text=text), "warning")


def _compared(settings: Settings) -> Verdict:
    number = len(settings.upstream.servers)
    return _good(
        _("Compared with others"),
        number >= 4,
        _("with {number} other servers").format(number=number),
        _("name four others in upstream.servers, so that a receiver gone wrong is noticed; the box never follows them"),
        "warning",
    )


def _answering(counters: Counters | None) -> Verdict:
    both = counters is not None and counters.ipv4 and counters.ipv6
    either = counters is not None and (counters.ipv4 or counters.ipv6)
    if counters is None or not either:
        return Verdict("alarm", _("IPv4 and IPv6"), _("the responder does not run"))
    only = "IPv4" if counters.ipv4 else "IPv6"
    return _good(
        _("IPv4 and IPv6"),
        both,
        _("both are answered"),
        _("only {only} is answered, which is allowed").format(only=only),
        "warning",
    )
