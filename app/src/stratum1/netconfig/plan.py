# SPDX-License-Identifier: MIT
"""What the network settings mean for each device.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.settings.network import Network

WIRED = "eth0"
WIRELESS = "wlan0"
METRICS = {WIRED: 10, WIRELESS: 20}
"""Of two default routes the wired one is taken."""


@dataclass(frozen=True, slots=True)
class Link:
    """One network device as it is to be."""

    device: str
    parent: str = ""
    """The device that carries it, for a VLAN."""
    vlan: int = 0
    bare: bool = False
    """Only carries others: up, without an address."""
    address4: str = ""
    """Fixed, with the length of its network; empty = DHCP."""
    gateway4: str = ""
    ipv6: str = "automatic"
    """automatic, static or link-local."""
    address6: str = ""
    gateway6: str = ""
    wifi: str = ""
    """Text of wpa_supplicant.conf(5); empty = no Wi-Fi device."""

    @property
    def needs(self) -> str:
        """The device that the kernel must have found."""
        return self.parent or self.device

    @property
    def metric(self) -> int:
        return METRICS[self.needs]

    def digest(self, host: str) -> str:
        """Equal for two links that are set up alike for a box called `host`; tells nothing of a passphrase."""
        import hashlib  # megabytes that the supervisor, which only plans, does without

        return hashlib.sha256(f"{host}\n{self!r}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    links: tuple[Link, ...]
    dns: tuple[str, ...]
    """Name servers that are set; empty = those of DHCP."""


def plan(network: Network, wifi_file: str = "") -> Plan:
    """What `network` wants; `wifi_file` is a wpa_supplicant.conf of the owner's, used while no Wi-Fi is set."""
    fixed4 = (network.ipv4_address, network.ipv4_gateway) if network.ipv4 == "static" else ("", "")
    fixed6 = (network.ipv6_address, network.ipv6_gateway) if network.ipv6 == "static" else ("", "")

    def link(device: str, *, chosen: bool, parent: str = "", vlan: int = 0, wifi: str = "") -> Link:
        """Fixed addresses belong to the chosen device alone; link-local IPv6 is meant for every one."""
        other = "link-local" if network.ipv6 == "link-local" else "automatic"
        address4, gateway4 = fixed4 if chosen else ("", "")
        address6, gateway6 = fixed6 if chosen else ("", "")
        ipv6 = network.ipv6 if chosen else other
        return Link(
            device,
            parent,
            vlan,
            address4=address4,
            gateway4=gateway4,
            ipv6=ipv6,
            address6=address6,
            gateway6=gateway6,
            wifi=wifi,
        )

    wired = network.device == "ethernet"
    if network.vlan:
        links = [
            Link(WIRED, bare=True),
            link(f"{WIRED}.{network.vlan}", chosen=wired, parent=WIRED, vlan=network.vlan),
        ]
    else:
        links = [link(WIRED, chosen=wired)]
    wifi = supplicant(network) if network.wifi_ssid else wifi_file
    if wifi:
        links.append(link(WIRELESS, chosen=not wired, wifi=wifi))
    return Plan(tuple(links), network.dns)


def supplicant(network: Network) -> str:
    """The text of wpa_supplicant.conf(5) for the Wi-Fi of `network`."""
    lines = ["ap_scan=1", "update_config=0"]
    if network.wifi_country:
        lines.append(f"country={network.wifi_country}")
    # All as hexadecimal digits: between quotes, wpa_supplicant would take a # behind another quote for a remark.
    lines += ["network={", f"\tssid={network.wifi_ssid.encode().hex()}", "\tscan_ssid=1"]
    secret = network.wifi_passphrase
    if not secret:
        lines.append("\tkey_mgmt=NONE")
    elif len(secret) == 64:
        lines += ["\tkey_mgmt=WPA-PSK WPA-PSK-SHA256", f"\tpsk={secret}", "\tieee80211w=1"]
    else:
        import hashlib

        key = hashlib.pbkdf2_hmac("sha1", secret.encode(), network.wifi_ssid.encode(), 4096, 32)  # IEEE 802.11 J.4
        lines += ["\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", f"\tpsk={key.hex()}"]
        lines += [f"\tsae_password={secret.encode().hex()}", "\tieee80211w=1"]
    return "\n".join([*lines, "}", ""])
