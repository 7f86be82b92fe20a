# SPDX-License-Identifier: MIT
"""The section `network`: how the box is reached, with the checks that keep it reachable."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from stratum1.settings.fields import option

Interface4 = ipaddress.IPv4Interface
Interface6 = ipaddress.IPv6Interface
MOST_NAME_SERVERS = 3
"""resolv.conf(5), MAXNS."""


def _interface(value: str, kind: type[Interface4] | type[Interface6], example: str) -> str | None:
    if not value:
        return None
    try:
        found = kind(value)
    except ValueError:
        found = None
    if found is None or not re.search(r"/\d+$", value):
        return f"{value!r} is no address with the length of its network, want one like {example}"
    ip, network = found.ip, found.network
    if ip.is_multicast or ip.is_loopback or ip.is_unspecified or ip.is_link_local or network.prefixlen == 0:
        return f"{value} cannot be the address of a box in a network, want one like {example}"
    if isinstance(found, Interface4) and ip.is_reserved:
        return f"{value} is reserved, want an address like {example}"
    whole = network.prefixlen < network.max_prefixlen - 1
    if whole and (ip == network.network_address or (ip.version == 4 and ip == network.broadcast_address)):
        return f"{ip} stands for the whole network {network}, want an address in it"
    return None


def _interface4(value: str) -> str | None:
    return _interface(value, Interface4, "192.168.1.5/24")


def _interface6(value: str) -> str | None:
    return _interface(value, Interface6, "2001:db8::5/64")


def _router4(value: str) -> str | None:
    return _router(value, ipaddress.IPv4Address)


def _router6(value: str) -> str | None:
    return _router(value, ipaddress.IPv6Address)


def _router(value: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str | None:
    if not value:
        return None
    try:
        found = kind(value)
    except ValueError:
        return f"{value!r} is no IPv{'4' if kind is ipaddress.IPv4Address else '6'} address"
    if getattr(found, "scope_id", None):
        return f"{value!r} names an interface; the address alone is wanted"
    if found.is_multicast or found.is_loopback or found.is_unspecified:
        return f"{value} cannot be the address of a router"
    return None


def _name_servers(value: tuple[str, ...]) -> str | None:
    for item in value:
        try:
            ipaddress.ip_address(item)
        except ValueError:
            return f"{item!r} is no IP address of a name server"
    return None if len(value) <= MOST_NAME_SERVERS else f"want at most {MOST_NAME_SERVERS} name servers"


def _ssid(value: str) -> str | None:
    return None if len(value.encode()) <= 32 else "too long, a Wi-Fi name has at most 32 bytes"


def _passphrase(value: str) -> str | None:
    """IEEE 802.11 annex J.4: 8 to 63 printable ASCII characters, or the key itself as 64 hexadecimal digits."""
    if not value or re.fullmatch(r"[ -~]{8,63}|[0-9A-Fa-f]{64}", value):
        return None
    if re.fullmatch(r"[ -~]*", value) is None:
        return "want letters, digits and signs of ASCII only"
    return f"has {len(value)} characters, want 8 to 63, or 64 hexadecimal digits"


def _country(value: str) -> str | None:
    return None if re.fullmatch("([A-Z]{2})?", value) else f"{value!r} is no country, want two capitals like DE or US"


@dataclass(frozen=True, slots=True)
class Network:
    device: str = option(
        "ethernet",
        "What the addresses below belong to; the other one, where it is in use, asks by DHCP.",
        choices=("ethernet", "wifi"),
    )
    ipv4: str = option("dhcp", "Whether the IPv4 address is asked for or fixed.", choices=("dhcp", "static"))
    ipv4_address: str = option(
        "",
        "Fixed IPv4 address with the length of its network, as 192.168.1.5/24.",
        check=_interface4,
        needs="ipv4=static",
    )
    ipv4_gateway: str = option("", "Router to other networks; empty = none.", check=_router4, needs="ipv4=static")
    dns: tuple[str, ...] = option(
        (), "Addresses of name servers, at most three; empty = those that DHCP names.", check=_name_servers
    )
    ipv6: str = option(
        "automatic",
        "Whether the IPv6 address follows from what the router announces, is fixed, or is link-local alone.",
        choices=("automatic", "static", "link-local"),
    )
    ipv6_address: str = option(
        "",
        "Fixed IPv6 address with the length of its network, as 2001:db8::5/64.",
        check=_interface6,
        needs="ipv6=static",
    )
    ipv6_gateway: str = option("", "Router to other networks; empty = none.", check=_router6, needs="ipv6=static")
    vlan: int = option(
        0, "Number of the VLAN on Ethernet (IEEE 802.1Q); 0 = none, packets without a tag.", minimum=0, maximum=4094
    )
    wifi_ssid: str = option("", "Name of the Wi-Fi network to join; empty = no Wi-Fi.", check=_ssid)
    wifi_passphrase: str = option(
        "", "Passphrase of the Wi-Fi network (WPA2, WPA3); none = an open network.", check=_passphrase, secret=True
    )
    wifi_country: str = option(
        "", "Country whose radio rules hold, as DE or US; empty = what is allowed everywhere.", check=_country
    )

    def conflicts(self) -> dict[str, str]:
        """What is wrong between keys that are good by themselves: key -> one line."""
        found: dict[str, str] = {}
        if self.ipv4 == "static":
            _agree(found, "ipv4", self.ipv4_address, self.ipv4_gateway)
        if self.ipv6 == "static":
            _agree(found, "ipv6", self.ipv6_address, self.ipv6_gateway)
        if self.device == "wifi" and not self.wifi_ssid:
            found["wifi_ssid"] = "the addresses belong to Wi-Fi, so want the name of its network"
        if self.device == "wifi" and self.vlan:
            found["vlan"] = "Wi-Fi has no VLANs; want 0, or ethernet as the device"
        return found


def _agree(found: dict[str, str], version: str, address: str, gateway: str) -> None:
    if not address:
        found[f"{version}_address"] = "want an address, as it is fixed"
        return
    own = ipaddress.ip_interface(address)
    if not gateway:
        return
    router = ipaddress.ip_address(gateway)
    if router == own.ip:
        found[f"{version}_gateway"] = f"{gateway} is the box itself"
    elif router not in own.network and not (router.version == 6 and router.is_link_local):
        found[f"{version}_gateway"] = f"{gateway} is not in the network {own.network}, so it cannot be reached"


__all__ = ["Network"]
