# SPDX-License-Identifier: MIT
"""The exact lines that make other machines use this box, with its address and port filled in."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

STANDARD_PORT = 123


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to do on one kind of client."""

    key: str
    title: str
    where: str
    """File to edit, or where to type."""
    lines: str
    """To be copied as it is; empty when this client cannot do it."""
    after: str = ""
    """The command that makes it take effect and shows that it did."""
    problem: str = ""
    """Why the lines would not work; one sentence."""


def host_of(header: str) -> str | None:
    """The host in a Host header, without brackets and port; None when it is no plain name or address."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?", header)
    if bracketed:
        try:
            return str(ipaddress.IPv6Address(bracketed[1]))
        except ValueError:
            return None
    plain = re.fullmatch(r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::\d+)?", header)
    return plain[1] if plain else None


PRIVATE_SUFFIXES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain", ".fritz.box")


def is_private_name(host: str) -> bool:
    """Whether nobody outside can own `host`: an address, a name without dots or under a suffix kept for private use.

    A page of a stranger that points its own name at this box (DNS rebinding) has a name of another kind.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.lower().endswith(PRIVATE_SUFFIXES)
    return True


def recipes(host: str, port: int) -> list[Recipe]:
    """One recipe for each common client, most used first."""
    usual = port == STANDARD_PORT
    only = "" if usual else f"This program asks port {STANDARD_PORT} alone; this box now answers on port {port}."
    chrony_port = "" if usual else f" port {port}"
    found = [
        Recipe(
            "chrony",
            "chrony (Linux)",
            "/etc/chrony/chrony.conf, or /etc/chrony.conf on Fedora and Red Hat",
            f"server {host}{chrony_port} iburst",
            "sudo systemctl restart chronyd && chronyc sources",
        ),
        Recipe(
            "timesyncd",
            "systemd-timesyncd (Linux)",
            "/etc/systemd/timesyncd.conf",
            f"[Time]\nNTP={host}",
            "sudo systemctl restart systemd-timesyncd && timedatectl timesync-status",
            only,
        ),
        Recipe(
            "ntpd",
            "ntpd, NTPsec (Linux, BSD)",
            "/etc/ntp.conf, or /etc/ntpsec/ntp.conf",
            f"server {host} iburst",
            "ntpq -p",
            only,
        ),
        Recipe(
            "windows",
            "Windows",
            "A terminal opened as administrator",
            f'w32tm /config /manualpeerlist:"{host},0x8" /syncfromflags:manual /update',
            "w32tm /resync\nw32tm /query /status",
            only,
        ),
        Recipe(
            "macos",
            "macOS",
            "Terminal",
            f"sudo systemsetup -setnetworktimeserver {host}\nsudo systemsetup -setusingnetworktime on",
            f"sntp {host}",
            only,
        ),
        Recipe(
            "dhcp",
            "Every device at once (DHCP option 42)",
            "Your router's DHCP page, field NTP server; or dnsmasq.conf",
            f"dhcp-option=option:ntp-server,{host}" if _is_ipv4(host) else "",
            "",
            only
            if _is_ipv4(host)
            else "DHCP hands out IPv4 addresses: open this page by the box's IPv4 address to see the line.",
        ),
        Recipe(
            "try",
            "Just try it",
            "Terminal; asks once, prints the offset and changes nothing",
            f"chronyd -Q -t 10 'server {host}{chrony_port} iburst'",
        ),
    ]
    return found


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
