# SPDX-License-Identifier: MIT
"""The network of a box is changed for real: its supervisor in one namespace, a router with DHCP in another."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_lab import FIXED, LEASE, ROUTER, Lab, wait_for

from stratum1 import orders
from stratum1.settings import load

STATIC = {"ipv4": "static", "ipv4_address": f"{FIXED}/24", "ipv4_gateway": ROUTER}
CUT_OFF = {"ipv4": "static", "ipv4_address": "10.99.0.5/24", "ipv4_gateway": ""}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    found = Lab(tmp_path)
    try:
        yield found
    except BaseException:
        print((tmp_path / "log").read_text())
        raise
    finally:
        found.close()


@pytest.fixture
def running(lab: Lab) -> Lab:
    """With an address by DHCP, and the page answering there."""
    lab.supervise()
    wait_for("a lease", lambda: lab.has(LEASE))
    wait_for("the page", lambda: lab.reaches(LEASE))
    return lab


def hurry(lab: Lab, until: float = 0.0) -> None:
    """Let the trial's minute be over now; everything else is as it comes."""
    note = lab.paths.network_run / "trial.json"
    before = note.read_text()
    trial = lab.status["trial"]["until"]
    note.write_text(before.replace(str(trial), str(until)))
    assert note.read_text() != before


def give(lab: Lab, word: str) -> None:
    orders.give(lab.paths, f"{word} {lab.status['trial']['mark']}")


def test_from_dhcp_to_a_fixed_address_and_back(running: Lab) -> None:
    lab = running
    assert f"nameserver {ROUTER}" in lab.resolv.read_text()
    lab.set(**STATIC, dns=["192.0.2.53"])
    wait_for("the fixed address", lambda: lab.has(FIXED) and not lab.has(LEASE))
    assert f"default via {ROUTER} dev eth0" in lab.on(lab.box, "ip", "route")
    wait_for("the page at the new address", lambda: lab.reaches(FIXED))
    wait_for("name servers", lambda: lab.resolv.read_text() == "nameserver 192.0.2.53\n")
    give(lab, "network-keep")
    wait_for("the end of the trial", lambda: lab.status["trial"] is None)
    assert lab.has(FIXED) and load(lab.paths.settings).settings.network.ipv4 == "static"
    lab.set(ipv4="dhcp", dns=[])
    wait_for("a lease again", lambda: lab.has(LEASE) and not lab.has(FIXED))
    give(lab, "network-keep")
    wait_for("the end of the trial", lambda: lab.status["trial"] is None)


def test_who_cuts_himself_off_gets_the_former_network_back(running: Lab) -> None:
    lab = running
    lab.set(**CUT_OFF)
    wait_for("the new address", lambda: lab.has("10.99.0.5"))
    assert not lab.reaches(LEASE)
    hurry(lab)
    wait_for("the lease", lambda: lab.has(LEASE) and not lab.has("10.99.0.5"))
    wait_for("the page", lambda: lab.reaches(LEASE))
    assert "Nobody confirmed" in lab.status["said"]
    assert load(lab.paths.settings).settings.network.ipv4 == "dhcp"


def test_a_supervisor_that_dies_takes_neither_the_network_nor_the_trial_with_it(running: Lab) -> None:
    lab = running
    lab.set(**CUT_OFF)
    wait_for("the new address", lambda: lab.has("10.99.0.5"))
    mark = lab.status["trial"]["mark"]
    lab.stop_supervisor(signal.SIGKILL)
    assert lab.has("10.99.0.5")
    hurry(lab)
    lab.supervise()
    wait_for("the lease", lambda: lab.has(LEASE) and not lab.has("10.99.0.5"))
    assert "Nobody confirmed" in lab.status["said"] and lab.status["trial"] is None and mark


def test_a_start_of_the_machine_sets_up_what_was_last_confirmed(lab: Lab) -> None:
    lab.supervise()
    wait_for("a lease", lambda: lab.has(LEASE))
    lab.set(**CUT_OFF)
    wait_for("the new address", lambda: lab.has("10.99.0.5"))
    lab.stop_supervisor()
    lab.forget()
    lab.apply()  # as the start script does, before there is a supervisor
    wait_for("the lease", lambda: lab.has(LEASE) and not lab.has("10.99.0.5"))
    lab.supervise()
    wait_for("what happened is said", lambda: "was restarted" in str(lab.status.get("said")))
    assert load(lab.paths.settings).settings.network.ipv4 == "dhcp" and lab.has(LEASE)


def test_a_vlan_appears_and_goes(running: Lab) -> None:
    lab = running
    if not lab.router_vlan(30):
        pytest.skip("this kernel has no VLANs (CONFIG_VLAN_8021Q)")
    lab.set(vlan=30, ipv4="static", ipv4_address="192.168.30.5/24")
    wait_for("the page in the VLAN", lambda: lab.reaches("192.168.30.5"))
    assert lab.has("192.168.30.5", "eth0.30") and not lab.has(LEASE)
    give(lab, "network-back")
    wait_for("the lease", lambda: lab.has(LEASE))
    assert lab.addresses("eth0.30") == ""


def test_a_change_that_fails_is_told_and_taken_back(running: Lab) -> None:
    """A broadcast address as the router: good by the settings' rules in a larger network, refused by the kernel."""
    lab = running
    lab.set(ipv4="static", ipv4_address="192.168.77.5/23", ipv4_gateway="192.168.77.255")
    wait_for("what went wrong", lambda: "route replace" in str(lab.status.get("problem")))
    give(lab, "network-back")
    wait_for("the lease", lambda: lab.has(LEASE))
    wait_for("all is well", lambda: lab.status["problem"] == "")


def test_ipv6_fixed_link_local_and_automatic(running: Lab) -> None:
    lab = running
    if not os.path.exists("/proc/sys/net/ipv6"):
        pytest.skip("this kernel has no IPv6")
    lab.on(lab.router, "ip", "-6", "address", "add", "2001:db8:77::1/64", "dev", "up0")
    wait_for("the router's address", lambda: "tentative" not in lab.on(lab.router, "ip", "-6", "address"))
    lab.set(ipv6="static", ipv6_address="2001:db8:77::5/64", ipv6_gateway="2001:db8:77::1")
    wait_for("the page on IPv6", lambda: lab.reaches("2001:db8:77::5"))
    assert "default via 2001:db8:77::1 dev eth0" in lab.on(lab.box, "ip", "-6", "route")
    wait_for("IPv4 beside it", lambda: lab.has(LEASE))
    lab.set(ipv6="link-local")
    wait_for("no global address", lambda: "2001:" not in lab.addresses() and "fe80:" in lab.addresses())
    assert "default" not in lab.on(lab.box, "ip", "-6", "route")


def test_doing_it_twice_changes_nothing(running: Lab) -> None:
    lab = running
    notes = {path.name: path.read_text() for path in lab.paths.network_run.glob("*.pid")}
    before = lab.addresses()
    lab.apply()
    assert {path.name: path.read_text() for path in lab.paths.network_run.glob("*.pid")} == notes
    assert lab.addresses().split("valid_lft")[0] == before.split("valid_lft")[0] and "dhcp.eth0.pid" in notes


def test_a_dhcp_client_that_dies_is_started_anew(running: Lab) -> None:
    lab = running
    note = lab.paths.network_run / "dhcp.eth0.pid"
    first = note.read_text()
    os.kill(int(first.split()[0]), signal.SIGKILL)
    wait_for("another client", lambda: note.exists() and note.read_text() != first)
    wait_for("a lease", lambda: lab.has(LEASE))
