# SPDX-License-Identifier: MIT
"""A link as steps: `ip` commands, values in /proc/sys and programs that stay.  Pure; `apply` does them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from stratum1.netconfig.plan import Link


@dataclass(frozen=True, slots=True)
class Run:
    argv: tuple[str, ...]
    optional: bool = False
    """Whether its absence or failure is no problem."""


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A value below /proc/sys; a kernel that does not have it (no IPv6) does without."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Write:
    name: str
    """In the state folder."""
    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """A program that stays, called by `name`; started unless it runs."""

    name: str
    argv: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    name: str


Step = Run | Sysctl | Write | Start | Stop


def up(link: Link, host: str, libexec: Path, state: Path) -> list[Step]:
    """From a device without addresses to `link`, for a box that DHCP shall know as `host`."""
    device = link.device
    steps: list[Step] = []
    if link.parent:
        create = ("ip", "link", "add", "link", link.parent, "name", device, "type", "vlan", "id", str(link.vlan))
        steps.append(Run(create))
    steps += _ipv6_manners(link)
    if link.wifi:
        steps.append(Write(f"{device}.conf", link.wifi))
    steps.append(Run(("ip", "link", "set", device, "up")))
    if link.wifi:
        steps.append(
            Start(f"wifi.{device}", ("wpa_supplicant", "-s", "-i", device, "-c", str(state / f"{device}.conf")))
        )
        # Saving power delays packets by up to 100 ms.
        steps.append(Run(("iw", "dev", device, "set", "power_save", "off"), optional=True))
    if not link.parent:
        steps.append(Run((str(libexec / "steady"), device), optional=True))
    if link.bare:
        return steps
    steps += _ipv4(link, host, libexec)
    if link.ipv6 == "static":
        steps.append(Run(("ip", "-6", "address", "replace", link.address6, "dev", device)))
        if link.gateway6:
            steps.append(Run(("ip", "-6", "route", "replace", "default", "via", link.gateway6, "dev", device)))
    return steps


def _ipv6_manners(link: Link) -> list[Step]:
    """Set before the device comes up: switching IPv6 on makes the kernel ask the routers anew, if it may."""
    if link.bare:
        return [_ipv6(link.device, "disable_ipv6", "1")]
    asks = "1" if link.ipv6 == "automatic" else "0"
    return [
        _ipv6(link.device, "accept_ra", asks),
        _ipv6(link.device, "autoconf", asks),
        _ipv6(link.device, "disable_ipv6", "0"),
    ]


def _ipv6(device: str, name: str, value: str) -> Sysctl:
    return Sysctl(f"net/ipv6/conf/{device}/{name}", value)


def _ipv4(link: Link, host: str, libexec: Path) -> list[Step]:
    device = link.device
    # A link-local address (RFC 3927) stands beside every other, so that a cable to a laptop is enough.
    steps: list[Step] = [Start(f"zcip.{device}", ("zcip", "-f", device, str(libexec / "zcip.script")), optional=True)]
    if not link.address4:
        # It stays and never gives up; the router learns our name.
        asking = ("-f", "-R", "-S", "-t", "4", "-T", "2", "-A", "10", "-x", f"hostname:{host}")
        script = str(libexec / "udhcpc.script")
        return [*steps, Start(f"dhcp.{device}", ("udhcpc", *asking, "-i", device, "-s", script))]
    network = ipaddress.IPv4Interface(link.address4).network
    spread = ("broadcast", str(network.broadcast_address)) if network.prefixlen < 31 else ()
    steps.append(Run(("ip", "-4", "address", "replace", link.address4, *spread, "dev", device)))
    if link.gateway4:
        route = ("default", "via", link.gateway4, "dev", device, "metric", str(link.metric))
        steps.append(Run(("ip", "-4", "route", "replace", *route)))
    return steps


def down(device: str) -> list[Step]:
    """Whatever `device` was: afterwards it has no address, and is gone if it was a VLAN."""
    steps: list[Step] = [Stop(f"{kind}.{device}") for kind in ("dhcp", "zcip", "wifi")]
    steps.append(Write(f"{device}.dns", ""))
    if "." in device:
        return [*steps, Run(("ip", "link", "delete", device), optional=True)]
    # Switched off, IPv6 forgets its addresses and the routes of the routers.
    steps.append(_ipv6(device, "disable_ipv6", "1"))
    return [*steps, Run(("ip", "-4", "address", "flush", "dev", device), optional=True)]
