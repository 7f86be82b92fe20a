# SPDX-License-Identifier: MIT
"""Broadcast and multicast packets, and the Time and Daytime protocols."""

from __future__ import annotations

import ipaddress
import socket
import struct

import pytest
from responding import MONOTONIC, NOW, NS, page_of, snapshot, utc
from wire import Packet, stamp

from stratum1 import clock
from stratum1.ntp.access import Policy
from stratum1.ntp.announce import Announcer
from stratum1.ntp.auth import Keys
from stratum1.ntp.broadcast import targets
from stratum1.ntp.interfaces import Interface, interfaces
from stratum1.ntp.keyfile import Key
from stratum1.ntp.oldtime import OldTime, daytime_reply, time_reply
from stratum1.tracking import Snapshot, State


def announced(said: Snapshot | None, key_id: int = 0, **rules: object) -> bytes | None:
    page = None if said is None else page_of(said)
    announcer = Announcer(Policy(page=page, **rules), -24)  # type: ignore[arg-type]
    return announcer.packet(kernel_ns=NOW, monotonic_ns=MONOTONIC, poll=6, key_id=key_id)


def test_a_broadcast_packet_is_mode_5_with_nothing_of_a_request() -> None:
    data = announced(snapshot())
    assert data is not None and len(data) == 48
    got = Packet.parse(data)
    assert (got.leap, got.version, got.mode, got.stratum, got.poll, got.refid) == (0, 4, 5, 1, 6, b"PPS\0")
    assert (got.origin, got.receive) == (0, 0)
    assert abs(got.transmit - stamp(NOW + 1_500_000)) < 2**8


def test_nothing_is_announced_while_time_is_not_known() -> None:
    assert announced(None) is None
    assert announced(snapshot(state=State.UNSYNCHRONISED)) is None
    assert announced(snapshot(bound_ns=20_000_000)) is None


def test_announcements_can_be_signed_and_are_not_sent_without_their_key() -> None:
    keys = Keys([Key(5, "AES128", bytes(16))])
    data = announced(snapshot(), key_id=5, keys=keys)
    assert data is not None and data[48:] == keys.mac(5, data[:48])
    assert announced(snapshot(), key_id=6, keys=keys) is None
    assert announced(snapshot(), key_id=5) is None


LAN = [
    Interface("lo", ipaddress.ip_interface("127.0.0.1/8"), ""),
    Interface("lo", ipaddress.ip_interface("192.168.7.2/24"), "192.168.7.255"),
    Interface("lo", ipaddress.ip_interface("fe80::2/64"), ""),
]


def test_subnet_is_the_broadcast_address_of_each_interface() -> None:
    [target] = targets(["subnet"], LAN, 123)
    assert target.address == struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", 123, bytes([192, 168, 7, 255]))
    assert target.control == b""


def test_a_group_is_sent_on_each_interface_of_its_family() -> None:
    index = socket.if_nametoindex("lo")
    [v4] = targets(["224.0.1.1"], LAN, 123)
    assert v4.family == socket.AF_INET and struct.unpack_from("=i", v4.control, 16)[0] == index
    [v6] = targets(["ff02::101"], LAN, 123)
    assert v6.family == socket.AF_INET6 and struct.unpack_from("=I", v6.address, 24)[0] == index


def test_an_announcement_really_arrives() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        [target] = targets(["127.0.0.1"], [], receiver.getsockname()[1])

        now, monotonic = clock.read()
        page = page_of(snapshot(now, realtime_minus_monotonic_ns=now - monotonic, bound_limit_ns=10**9))
        assert Announcer(Policy(page=page), -24).send(sender.fileno(), target.address, target.control, poll=6)
        assert Packet.parse(receiver.recv(100)).mode == 5


def test_our_own_interfaces_have_networks() -> None:
    found = {str(item.address) for item in interfaces()}
    assert "127.0.0.1/8" in found or not found


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (utc(1970, 1, 1), 2208988800),
        (utc(1984, 1, 1), 2208988800 + 441763200),
        (utc(2036, 2, 7, 6, 28, 15), 2**32 - 1),
        (utc(2036, 2, 7, 6, 28, 16), 0),
    ],
)
def test_the_time_protocol_counts_from_1900_modulo_its_32_bits(at: int, seconds: int) -> None:
    assert time_reply(at + NS - 1) == seconds.to_bytes(4, "big")


def test_daytime_is_a_line_of_utc() -> None:
    assert daytime_reply(utc(2026, 11, 22, 13, 5, 9)) == b"Sun Nov 22 13:05:09 2026 UTC\r\n"


@pytest.mark.parametrize(("known", "allowed", "said"), [(True, True, 4), (False, True, 0), (True, False, 0)])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_old_clients_are_told_only_what_is_known_and_only_if_allowed(
    known: bool, allowed: bool, said: int, kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratum1.ntp.oldtime.TIME_PORT", 0)
    old = OldTime(lambda: NOW if known else None, lambda address: allowed)
    old.open(time_protocol=True, daytime_protocol=False, families=(socket.AF_INET,))
    try:
        [door] = [door for door in old.doors if door.sock.type == kind]
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(0.5)
            client.connect(("127.0.0.1", door.sock.getsockname()[1]))
            if kind == socket.SOCK_DGRAM:
                client.send(b"")
            door.sock.setblocking(True)
            old.serve(door)
            try:
                data = client.recv(100)
            except TimeoutError:
                data = b""
            assert len(data) == said
    finally:
        old.close()
