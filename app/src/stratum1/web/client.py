# SPDX-License-Identifier: MIT
"""One client: what is known of it, and what a person could make better."""

from __future__ import annotations

import re
from pathlib import Path

from stratum1.ntp.counters import Client
from stratum1.settings.schema import Ntp
from stratum1.timescale import NS_PER_S
from stratum1.words import format_duration
from stratum1.words.tongue import N_, _

MODES = {1: N_("symmetric"), 3: N_("client"), 6: N_("control")}
HASTY_S = 15.0
"""Who asks more often than this gains nothing: 16 s is the shortest poll that ntpd and chrony take by themselves."""


def ago(seconds: float) -> str:
    return format_duration(int(seconds * NS_PER_S))


def mode_name(mode: int) -> str:
    return MODES.get(mode, f"mode {mode}")


def facts(client: Client, hardware: str) -> list[tuple[str, str]]:
    """(label, text); `hardware` is its address on the wire, where that is known."""
    share = f" ({client.dropped / client.requests:.0%})" if client.requests else ""
    rows = [
        (N_("Address"), client.address),
        (N_("Hardware"), hardware),
        (N_("Requests"), str(client.requests)),
        (N_("Refused or dropped"), f"{client.dropped}{share}"),
        (N_("First heard"), _("{time} ago").format(time=ago(client.first_s))),
        (N_("Last heard"), _("{time} ago").format(time=ago(client.last_s))),
        (N_("Asks every"), f"{client.interval_s:.1f} s" if client.interval_s else ""),
        (N_("NTP version"), str(client.version)),
        (N_("Asks as"), _(mode_name(client.mode))),
        (N_("Authenticated"), _("yes") if client.authenticated else _("no")),
        (N_("Interleaved"), _("yes") if client.interleaved else _("no")),
    ]
    return [(label, text) for label, text in rows if text]


def hints(client: Client, ntp: Ntp) -> list[str]:
    """What stands out, each with what to do; empty when all is as it should be."""
    found = []
    limit_s = 60 / ntp.rate_per_minute if ntp.rate_per_minute else 0.0
    if client.dropped == client.requests:
        found.append(
            _("Nothing that it sent was answered: see whether its network is among ntp.allow and its key is known.")
        )
    elif 0 < client.interval_s < limit_s:
        found.append(
            _(
                "It asks more often than {rate_per_minute} times a minute (ntp.rate_per_minute); the rest is dropped."
            ).format(rate_per_minute=ntp.rate_per_minute)
        )
    elif client.dropped * 10 > client.requests:
        found.append(_("More than a tenth was dropped; the page before says for what reasons that happens here."))
    if 0 < client.interval_s < HASTY_S:
        found.append(_("It asks very often and gains nothing by it: 64 s is plenty (minpoll 6 in chrony and ntpd)."))
    if client.mode == 1:
        found.append(_("It asks as a peer (symmetric): a line with server rather than peer suits it better."))
    if client.mode != 6 and client.version < 3:
        found.append(_("It speaks version {version} of NTP, which is older than 1992.").format(version=client.version))
    if client.interval_s and client.last_s > max(10 * client.interval_s, 3600):
        found.append(_("It has fallen silent: switched off, moved, or told to ask somebody else."))
    return found


def hardware_address(table: Path, address: str) -> str:
    """From the kernel's table of IPv4 neighbours (/proc/net/arp); empty when it is behind a router or not known."""
    try:
        lines = table.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines[1:]:
        words = line.split()
        if len(words) >= 4 and words[0] == address and re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", words[3]):
            return "" if words[3] == "00:00:00:00:00:00" else words[3]
    return ""
