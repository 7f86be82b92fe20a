# SPDX-License-Identifier: MIT
"""Addresses and cables come and go while clients ask: each is answered from the address that it asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path

import pytest
from namespace import Namespace
from process import Process, wait_for
from village import Village

from stratum1.ntp.addresses import AddressWatch, sole_address
from stratum1.ntp.counters import CountersReader
from stratum1.ntp.interfaces import Interface

# Connected sockets: the kernel hands over nothing that comes from another address than the one that was asked.
ASK_ONCE = """
import socket, sys
address = sys.argv[1]
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(0.3)
    try:
        sock.connect((address, 123))
        sock.send(b"\\x23" + bytes(47))
        print("answered" if sock.recv(100)[1] == 1 else "unsynchronised")
    except OSError as error:
        print(error)
"""
ASK_ON = """
import json, socket, sys, threading
address, asked, answered = sys.argv[1], 0, 0
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(5)
    sock.connect((address, 123))
    print("asking", flush=True)
    while not ending.wait(0.005):
        sock.send(b"\\x23" + bytes(39) + asked.to_bytes(8, "big"))
        asked += 1
        try:
            answered += sock.recv(100)[24:32] == (asked - 1).to_bytes(8, "big")
        except OSError:
            pass
print(json.dumps([asked, answered]))
"""


@pytest.fixture
def village() -> Iterator[Village]:
    made = Village(2)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def responder(village: Village, tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, port=123, enter=village.centre.enter, rate_per_minute=0)
    try:
        yield process
    finally:
        process.end()


def answered(client: Namespace, address: str) -> bool:
    return client.run(sys.executable, "-c", ASK_ONCE, address).strip() == "answered"


def test_each_address_answers_while_it_is_there(village: Village, responder: Process) -> None:
    box, client, bystander = village.centre, village.houses[0], village.houses[1]
    asking = subprocess.Popen(
        [*bystander.enter, sys.executable, "-c", ASK_ON, "10.9.1.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert asking.stdout is not None and asking.stdout.readline() == "asking\n"
        assert answered(client, "10.9.0.1") and answered(client, "fd09:0::1")

        # A second address in the same network, and one that the client reaches through the first.
        for command in (
            ("addr", "add", "10.9.0.77/24", "dev", "house0"),
            ("addr", "add", "10.99.0.1/32", "dev", "house0"),
            ("addr", "add", "fd09:0::77/64", "dev", "house0", "nodad"),
        ):
            assert box.ip(*command).returncode == 0
        assert client.ip("route", "add", "10.99.0.1/32", "via", "10.9.0.1").returncode == 0
        for address in ("10.9.0.1", "10.9.0.77", "10.99.0.1", "fd09:0::1", "fd09:0::77"):
            assert answered(client, address), address

        # They go again, one of the first ones too.
        assert box.ip("addr", "del", "10.99.0.1/32", "dev", "house0").returncode == 0
        assert box.ip("addr", "del", "fd09:0::1/64", "dev", "house0").returncode == 0
        assert not answered(client, "10.99.0.1") and not answered(client, "fd09:0::1")
        assert answered(client, "10.9.0.77") and answered(client, "fd09:0::77")

        # The whole cable.
        village.unplug(0)
        assert not answered(client, "10.9.0.1")
        village.plug(0, client)
        assert answered(client, "10.9.0.1") and answered(client, "fd09:0::1")
    finally:
        said, _ = asking.communicate("")
    asked, got = json.loads(said)
    assert got == asked > 0, "a client at another cable noticed it"
    counters = CountersReader(responder.run / "responder").read()
    assert counters is not None and counters.replaced == 0
    assert responder.process.poll() is None


def test_with_one_address_alone_and_then_with_two(tmp_path: Path) -> None:
    """The kernel chooses the only address by itself; as soon as there are two it has to be told."""
    village = Village(1)
    try:
        box, client = village.centre, village.houses[0]
        process = Process(tmp_path, port=123, enter=box.enter, rate_per_minute=0)
        try:
            assert answered(client, "10.9.0.1") and answered(box, "10.9.0.1") and answered(box, "127.0.0.1")
            assert answered(box, "127.0.0.9")
            assert box.ip("addr", "add", "10.99.0.1/32", "dev", "lo").returncode == 0
            assert client.ip("route", "add", "10.99.0.1/32", "via", "10.9.0.1").returncode == 0
            assert answered(client, "10.99.0.1") and answered(client, "10.9.0.1")
            assert box.ip("addr", "del", "10.9.0.1/24", "dev", "house0").returncode == 0
            assert box.ip("addr", "add", "10.9.0.5/24", "dev", "house0").returncode == 0
            assert client.ip("route", "replace", "10.99.0.1/32", "via", "10.9.0.5").returncode == 0
            assert answered(client, "10.99.0.1") and answered(client, "10.9.0.5")
        finally:
            process.end()
    finally:
        village.close()


def test_a_network_that_comes_is_allowed_at_once(village: Village, responder: Process) -> None:
    """`local` is also what the interfaces say, public addresses included; the kernel tells of a new one."""
    box, client = village.centre, village.houses[0]
    assert client.ip("addr", "add", "192.0.2.9/24", "dev", "eth0").returncode == 0
    assert box.ip("addr", "add", "192.0.2.1/24", "dev", "house0").returncode == 0
    wait_for(lambda: answered(client, "192.0.2.1"), 5.0)


def row(name: str, address: str) -> Interface:
    found = ip_interface(address)
    assert isinstance(found, IPv4Interface | IPv6Interface)
    return Interface(name, found, "")


LO, ETH, WLAN = row("lo", "127.0.0.1/8"), row("eth0", "192.0.2.1/24"), row("wlan0", "198.51.100.1/24")
LO6, ETH6 = row("lo", "::1/128"), row("eth0", "2001:db8::1/64")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([LO, LO6, ETH, ETH6], "192.0.2.1"),
        ([LO, ETH, WLAN], ""),
        ([LO, row("lo", "127.0.0.2/8"), ETH], ""),
        ([LO, ETH, row("eth0", "192.0.2.2/24")], ""),
        ([LO, ETH, row("wlan0", "192.0.2.1/24")], "192.0.2.1"),
        ([LO], ""),
        ([ETH], ""),
        ([], ""),
    ],
)
def test_the_only_address(found: list[Interface], expected: str) -> None:
    assert sole_address(found) == expected


def test_a_kernel_that_tells_nothing_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("stratum1.ntp.addresses.socket.socket", refuse)
    watch = AddressWatch()
    assert watch.socket is None
    watch.drain()
