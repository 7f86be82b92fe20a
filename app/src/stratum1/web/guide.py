# SPDX-License-Identifier: MIT
"""The exact lines that make other machines use this box, with its address and port filled in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from stratum1.network import Address
from stratum1.words.tongue import _

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


def own(addresses: Iterable[Address], version: int) -> str:
    """The address that others on the network reach this box by; empty without one."""
    fit = (a.address for a in addresses if a.address.version == version and not a.address.is_link_local)
    return str(next(fit, ""))


def recipes(host: str, port: int, ipv4: str = "", ipv6: str = "") -> list[Recipe]:
    """One recipe for each common client, most used first; `ipv4` and `ipv6` are the box's own, where it has them."""
    usual = port == STANDARD_PORT
    asks = _("This program asks port {standard} alone; this box now answers on port {port}.")
    only = "" if usual else asks.format(standard=STANDARD_PORT, port=port)
    return [*_computers(host, "" if usual else f" port {port}", only), *_networks(host, only, ipv4, ipv6)]


def _computers(host: str, chrony_port: str, only: str) -> list[Recipe]:
    return [
        Recipe(
            "chrony",
            _("chrony (Linux)"),
            _("/etc/chrony/chrony.conf, or /etc/chrony.conf on Fedora and Red Hat"),
            f"server {host}{chrony_port} iburst",
            "sudo systemctl restart chronyd && chronyc sources",
        ),
        Recipe(
            "timesyncd",
            _("systemd-timesyncd (Linux)"),
            _("/etc/systemd/timesyncd.conf"),
            f"[Time]\nNTP={host}",
            "sudo systemctl restart systemd-timesyncd && timedatectl timesync-status",
            only,
        ),
        Recipe(
            "ntpd",
            _("ntpd (Linux, BSD)"),
            _("/etc/ntp.conf"),
            f"server {host} iburst",
            "sudo service ntpd restart || sudo service ntp restart\nntpq -p",
            only,
        ),
        Recipe(
            "ntpsec",
            _("NTPsec (Linux)"),
            _("/etc/ntpsec/ntp.conf"),
            f"server {host} iburst",
            "sudo systemctl restart ntpsec && ntpq -p",
            only,
        ),
        Recipe(
            "windows",
            _("Windows"),
            _(
                "A terminal opened as administrator. In a domain do it on the controller that is the PDC emulator, "
                "with /reliable:yes added; the others follow by themselves"
            ),
            f'w32tm /config /manualpeerlist:"{host},0x8" /syncfromflags:manual /update',
            "w32tm /resync\nw32tm /query /status",
            only,
        ),
        Recipe(
            "macos",
            _("macOS"),
            _("Terminal"),
            f"sudo systemsetup -setnetworktimeserver {host}\nsudo systemsetup -setusingnetworktime on",
            f"sntp {host}",
            only,
        ),
        Recipe(
            "try",
            _("Just try it"),
            _("Terminal; asks once, prints the offset and changes nothing"),
            f"chronyd -Q -t 10 'server {host}{chrony_port} iburst'",
        ),
    ]


def _networks(host: str, only: str, ipv4: str, ipv6: str) -> list[Recipe]:
    """Routers that tell every device at once; they hand out addresses and no names."""
    four = host if _version(host) == 4 else ipv4
    six = host if _version(host) == 6 and "%" not in host and not host.lower().startswith("fe8") else ipv6
    none4 = only if four else _("DHCP hands out IPv4 addresses, and this box has none.")
    none6 = only if six else _("DHCPv6 hands out IPv6 addresses, and this box has none but link-local ones.")
    return [
        Recipe(
            "dhcp",
            _("Every device at once (DHCP option 42)"),
            _("Your router's DHCP page, field NTP server: the address. Or the line in dnsmasq.conf, as on Pi-hole"),
            f"dhcp-option=option:ntp-server,{four}" if four else "",
            "sudo systemctl restart dnsmasq" if four else "",
            none4,
        ),
        Recipe(
            "openwrt",
            _("OpenWrt router (option 42)"),
            _("A shell on the router"),
            f"uci add_list dhcp.lan.dhcp_option='42,{four}'\nuci commit dhcp" if four else "",
            "/etc/init.d/dnsmasq restart" if four else "",
            none4,
        ),
        Recipe(
            "dhcpd",
            _("ISC dhcpd (option 42)"),
            _("/etc/dhcp/dhcpd.conf"),
            f"option ntp-servers {four};" if four else "",
            "sudo systemctl restart isc-dhcp-server" if four else "",
            none4,
        ),
        Recipe(
            "mikrotik",
            _("MikroTik router (option 42)"),
            _("A terminal of the router"),
            f"/ip dhcp-server network set [find] ntp-server={four}" if four else "",
            "",
            none4,
        ),
        Recipe(
            "dhcpwindows",
            _("Windows DHCP server (option 42)"),
            _("PowerShell opened as administrator on the DHCP server"),
            f"Set-DhcpServerv4OptionValue -OptionId 42 -Value {four}" if four else "",
            "",
            none4,
        ),
        Recipe(
            "dhcp6",
            _("Every device at once by DHCPv6 (option 56)"),
            _("dnsmasq.conf"),
            f"dhcp-option=option6:ntp-server,[{six}]" if six else "",
            "sudo systemctl restart dnsmasq" if six else "",
            none6,
        ),
    ]


def _version(host: str) -> int:
    """4 or 6 for an address, 0 for a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0
