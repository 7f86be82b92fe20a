# SPDX-License-Identifier: MIT
"""What the network settings mean, down to each command and each line of Wi-Fi configuration."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.netconfig.plan import Link, plan, supplicant
from stratum1.netconfig.steps import Run, Start, Step, Stop, Sysctl, Write, down, up
from stratum1.settings.network import Network

LIBEXEC, STATE = Path("/libexec"), Path("/state")


def text(steps: list[Step]) -> str:
    """One step to a line, as a person would type it."""
    lines = []
    for step in steps:
        match step:
            case Run(argv, _):
                lines.append(" ".join(argv))
            case Sysctl(name, value):
                lines.append(f"{name} = {value}")
            case Write(name, content):
                lines.append(f"{name} <- {len(content)} bytes")
            case Start(name, argv, _):
                lines.append(f"start {name}: {' '.join(argv)}")
            case Stop(name):
                lines.append(f"stop {name}")
    return "\n".join(lines) + "\n"


def brought_up(**keys: Any) -> str:
    return "".join(text(up(link, "clock", LIBEXEC, STATE)) for link in plan(Network(**keys)).links)


def test_without_settings_ethernet_asks_by_dhcp_and_has_link_local_addresses() -> None:
    assert (
        brought_up()
        == """\
net/ipv6/conf/eth0/accept_ra = 1
net/ipv6/conf/eth0/autoconf = 1
net/ipv6/conf/eth0/disable_ipv6 = 0
ip link set eth0 up
/libexec/steady eth0
start zcip.eth0: zcip -f eth0 /libexec/zcip.script
start dhcp.eth0: udhcpc -f -R -S -t 4 -T 2 -A 10 -x hostname:clock -i eth0 -s /libexec/udhcpc.script
"""
    )


def test_fixed_addresses_with_routers() -> None:
    found = brought_up(
        ipv4="static",
        ipv4_address="192.168.1.5/24",
        ipv4_gateway="192.168.1.1",
        ipv6="static",
        ipv6_address="2001:db8::5/64",
        ipv6_gateway="fe80::1",
    )
    assert (
        found
        == """\
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/autoconf = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
ip link set eth0 up
/libexec/steady eth0
start zcip.eth0: zcip -f eth0 /libexec/zcip.script
ip -4 address replace 192.168.1.5/24 broadcast 192.168.1.255 dev eth0
ip -4 route replace default via 192.168.1.1 dev eth0 metric 10
ip -6 address replace 2001:db8::5/64 dev eth0
ip -6 route replace default via fe80::1 dev eth0
"""
    )


def test_a_vlan_takes_the_addresses_and_leaves_its_device_bare() -> None:
    found = brought_up(vlan=30, ipv4="static", ipv4_address="10.0.0.0/31", ipv6="link-local")
    assert (
        found
        == """\
net/ipv6/conf/eth0/disable_ipv6 = 1
ip link set eth0 up
/libexec/steady eth0
ip link add link eth0 name eth0.30 type vlan id 30
net/ipv6/conf/eth0.30/accept_ra = 0
net/ipv6/conf/eth0.30/autoconf = 0
net/ipv6/conf/eth0.30/disable_ipv6 = 0
ip link set eth0.30 up
start zcip.eth0.30: zcip -f eth0.30 /libexec/zcip.script
ip -4 address replace 10.0.0.0/31 dev eth0.30
"""
    )


def test_wifi_stands_beside_ethernet_and_the_fixed_address_belongs_to_one_of_them() -> None:
    network = Network(device="wifi", wifi_ssid="home", ipv4="static", ipv4_address="192.168.1.5/24")
    wired, wireless = plan(network).links
    assert (wired.device, wired.address4) == ("eth0", "")
    assert (wireless.device, wireless.address4) == ("wlan0", "192.168.1.5/24")
    lines = text(up(wireless, "clock", LIBEXEC, STATE)).splitlines()
    joined = lines.index("start wifi.wlan0: wpa_supplicant -s -i wlan0 -c /state/wlan0.conf")
    assert lines.index(f"wlan0.conf <- {len(wireless.wifi)} bytes") < joined
    assert "iw dev wlan0 set power_save off" in lines[joined:]


def test_a_file_of_the_owner_serves_while_no_wifi_is_set() -> None:
    assert plan(Network(), "network={}\n").links[1].wifi == "network={}\n"
    assert plan(Network(wifi_ssid="x"), "network={}\n").links[1].wifi != "network={}\n"


def test_afterwards_nothing_is_left_of_a_device() -> None:
    assert (
        text(down("eth0"))
        == """\
stop dhcp.eth0
stop zcip.eth0
stop wifi.eth0
eth0.dns <- 0 bytes
net/ipv6/conf/eth0/disable_ipv6 = 1
ip -4 address flush dev eth0
"""
    )
    assert text(down("eth0.30")).endswith("ip link delete eth0.30\n")


@pytest.mark.parametrize(
    ("secret", "lines"),
    [
        ("", ["key_mgmt=NONE"]),
        (
            'say "friend"',
            [
                "key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE",
                "psk=" + hashlib.pbkdf2_hmac("sha1", b'say "friend"', 'Fluß "5"'.encode(), 4096, 32).hex(),
                "sae_password=73617920" + b'"friend"'.hex(),
                "ieee80211w=1",
            ],
        ),
        ("ab" * 32, ["key_mgmt=WPA-PSK WPA-PSK-SHA256", "psk=" + "ab" * 32, "ieee80211w=1"]),
    ],
)
def test_wifi_configuration(secret: str, lines: list[str]) -> None:
    found = supplicant(Network(wifi_ssid='Fluß "5"', wifi_passphrase=secret, wifi_country="DE")).splitlines()
    head = ["ap_scan=1", "update_config=0", "country=DE", "network={", "\tssid=466c75c39f20223522", "\tscan_ssid=1"]
    assert found == [*head, *(f"\t{line}" for line in lines), "}"]


@given(ssid=st.text(min_size=1, max_size=32), secret=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_name_and_no_passphrase_breaks_out_of_its_line(ssid: str, secret: str) -> None:
    lines = supplicant(Network(wifi_ssid=ssid, wifi_passphrase=secret)).splitlines()
    assert [line for line in lines if not line.startswith("\t")] == ["ap_scan=1", "update_config=0", "network={", "}"]
    names = [line.partition("=")[0] for line in lines if line.startswith("\t")]
    assert set(names) <= {"\tssid", "\tscan_ssid", "\tkey_mgmt", "\tpsk", "\tsae_password", "\tieee80211w"}
    assert len(names) == len(set(names))


def test_links_that_differ_in_anything_are_told_apart() -> None:
    link = Link("eth0")
    assert link.digest("clock") == Link("eth0").digest("clock")
    others = [Link("eth0", gateway6="fe80::1"), Link("eth0", ipv6="static"), Link("eth0", wifi="x")]
    assert len({found.digest("clock") for found in (link, *others)} | {link.digest("watch")}) == 5
