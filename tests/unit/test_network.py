# SPDX-License-Identifier: MIT
"""The addresses that a person is told are the machine's own, the handiest first."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess

import pytest

from stratum1.network import Address, own_addresses


def address(interface, text):
    return Address(interface, ipaddress.ip_address(text))


def test_the_handiest_address_comes_first():
    handy = [
        address("eth0", "192.168.1.5"),
        address("wlan0", "192.168.1.6"),
        address("eth0", "2001:db8::5"),
        address("eth0", "169.254.7.7"),
        address("eth0", "fe80::5"),
    ]
    assert sorted(set(handy), key=lambda item: item.rank) == handy


@pytest.mark.skipif(shutil.which("ip") is None, reason="iproute2 is not installed")
def test_they_are_those_that_the_system_tells():
    lines = subprocess.run(["ip", "-o", "addr", "show", "up"], capture_output=True, text=True, check=True).stdout
    told = set()
    for line in lines.splitlines():
        interface, family, network = line.split()[1:4]
        if interface != "lo" and family in ("inet", "inet6"):
            told.add((interface, network.partition("/")[0]))
    assert {(item.interface, item.text) for item in own_addresses()} == told
