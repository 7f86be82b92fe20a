# SPDX-License-Identifier: MIT
"""Mode 6 (RFC 9327): read-only, in fragments, never for someone else."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responding import NOW, NS, Server, snapshot, utc

from stratum1 import upstream
from stratum1.ntp.control import (
    BAD_ASSOCIATION,
    BAD_NAME,
    BAD_OPERATION,
    BAD_PERMISSION,
    BAD_VALUE,
    Control,
    World,
    reach,
)
from stratum1.ntp.counters import Client
from stratum1.ntp.peers import lfp
from stratum1.ntp.verdicts import Verdict
from stratum1.tracking import Leap, State

HEADER = struct.Struct(">BBHHHHH")


def clients(count: int) -> list[Client]:
    return [Client(f"10.0.{i >> 8}.{i & 255}", i + 1, 0, 99.0, float(i), 1.0, 4, 3, False, False) for i in range(count)]


class Asked:
    def __init__(self, count: int = 3, **changes: object) -> None:
        said = snapshot(last_pulse_ns=NOW, pulses_accepted=1000, fix_mode=3, **changes)
        self.world = World(
            now_ns=NOW,
            kernel_ns=NOW,
            serving=said.state.serves,
            bound_ns=3000,
            snapshot=said,
            counters=None,
            clients=lambda: clients(count),
            kernel=lambda: {"koffset": "0.1"},
            precision=-24,
        )
        self.control = Control(lambda: self.world)

    def raw(self, operation: int, data: bytes = b"", association: int = 0, peer: str = "10.0.0.1") -> list[bytes]:
        request = HEADER.pack(0x26, operation, 77, 0, association, 0, len(data)) + data
        return self.control.answer(request, peer)

    def ask(self, operation: int, data: str = "", association: int = 0, peer: str = "10.0.0.1") -> str:
        """The data of the answer put together; an error is its code."""
        whole = b""
        packets = self.raw(operation, data.encode(), association, peer)
        for number, packet in enumerate(packets):
            first, flags, sequence, status, of, offset, count = HEADER.unpack_from(packet)
            assert (first & 7, first >> 3 & 7, sequence, of) == (6, 4, 77, association)
            if flags & 0x40:
                return f"error {status >> 8}"
            assert flags & 0x1F == operation and flags & 0x80
            assert bool(flags & 0x20) == (number < len(packets) - 1)
            assert offset == len(whole) and count <= 468 and len(packet) % 4 == 0
            whole += packet[12 : 12 + count]
        return whole.decode()

    def nonce(self, peer: str = "10.0.0.1") -> str:
        return self.ask(12, peer=peer).strip()


def test_system_variables() -> None:
    said = Asked().ask(2)
    for name in (
        *("leap=00", "stratum=1", "precision=-24", "rootdelay=", "rootdisp=0.003000", "refid=PPS", "reftime=0x"),
        *("clock=0x", "tc=", "peer=1", "offset=", "frequency=", "sys_jitter=", "clk_jitter=", "clk_wander=", "mintc="),
        *("processor=", "system=", "version="),
    ):
        assert name in said


def test_only_what_is_named_comes_back_in_that_order() -> None:
    assert Asked().ask(2, "stratum, koffset,leap").split() == ["stratum=1,", "koffset=0.1,", "leap=00"]
    assert Asked().ask(2, "nonsense") == f"error {BAD_NAME}"


def test_unsynchronised_is_leap_3_and_16_as_people_write_it() -> None:
    asked = Asked(state=State.UNSYNCHRONISED)
    assert asked.ask(2, "leap,stratum,peer").split() == ["leap=11,", "stratum=16,", "peer=0"]


@pytest.mark.parametrize("operation", [3, 5, 6, 8, 9, 11, 31])
def test_whatever_writes_is_refused(operation: int) -> None:
    assert Asked().ask(operation, "leap=0") == f"error {BAD_PERMISSION}"


@pytest.mark.parametrize("operation", [0, 7, 13, 30])
def test_unknown_operations_are_refused(operation: int) -> None:
    assert Asked().ask(operation) == f"error {BAD_OPERATION}"


def test_associations_and_their_tally() -> None:
    packet = Asked().raw(1)[0]
    assert struct.unpack(">HHHH", packet[12:20]) == (1, 0x9700, 2, 0x8400) or packet[14] == 0x97
    assert Asked().ask(2, association=9) == f"error {BAD_ASSOCIATION}"
    assert Asked(state=State.HOLDOVER).raw(1)[0][14] & 7 == 0, "nothing is selected without pulses"


UPSTREAM = (
    upstream.Server(
        "ntp1.example.org",
        address="192.0.2.1",
        tally=upstream.Tally.CANDIDATE,
        stratum=2,
        refid="198.51.100.7",
        leap=0,
        reach=0o375,
        poll_s=128,
        heard_ns=995 * NS,
        offset_ns=-1_500_000,
        delay_ns=12_000_000,
        jitter_ns=30_000,
        distance_ns=8_000_000,
    ),
    upstream.Server("ntp2.example.org", tally=upstream.Tally.FALSETICKER, address="2001:db8::1", reach=1, stratum=1),
    upstream.Server("ntp3.example.org", problem="does not answer"),
)


def test_upstream_servers_are_associations_that_are_never_followed() -> None:
    asked = Asked()
    asked.world = replace(asked.world, upstream=UPSTREAM, monotonic_ns=1000 * NS)
    rows = struct.unpack(">10H", asked.raw(1)[0][12:32])
    assert rows[4:] == (3, 0x9400, 4, 0x9100, 5, 0x8000)
    said = asked.ask(2, "srcadr,srchost,stratum,refid,reach,hpoll,offset,delay,jitter,dispersion,rec", association=3)
    assert said.strip() == (
        'srcadr=192.0.2.1, srchost="ntp1.example.org", stratum=2, refid=198.51.100.7, reach=0xfd, hpoll=7, '
        f"offset=-1.500000, delay=12.000000, jitter=0.030000, dispersion=8.000000, rec={lfp(NOW - 5 * NS)}"
    )
    assert asked.ask(2, "stratum,refid,rec,srcadr", association=5).split() == [
        *("stratum=16,", "refid=INIT,", "rec=0x00000000.00000000,", "srcadr=0.0.0.0")
    ]
    assert asked.ask(2, association=6) == f"error {BAD_ASSOCIATION}"
    assert asked.ask(4, association=3) == f"error {BAD_ASSOCIATION}"
    assert asked.ask(2, "peer") == "peer=1\r\n"


@pytest.mark.parametrize(
    ("at", "expire"),
    [
        (utc(2026, 11, 22), "202701010000"),
        (utc(2026, 6, 30, 23, 59, 59), "202607010000"),
        (utc(2026, 7, 1), "202701010000"),
    ],
)
def test_tai_is_known_until_the_next_date_of_leap_seconds(at: int, expire: str) -> None:
    asked = Asked(tai_offset=37)
    asked.world = replace(asked.world, now_ns=at)
    assert asked.ask(2, "tai,expire").split() == ["tai=37,", f"expire={expire}"]
    asked.world = replace(asked.world, serving=False)
    assert asked.ask(2, "tai,expire").split() == ["tai=37"]


def test_an_announced_leap_second_has_its_date() -> None:
    assert Asked(leap=Leap.INSERT, leap_at_ns=utc(2027, 1, 1)).ask(2, "leapsec").strip() == "leapsec=202701010000"


def test_the_client_list_needs_a_nonce_of_the_same_address() -> None:
    asked = Asked()
    nonce = asked.nonce()
    said = asked.ask(10, f"{nonce}, frags=32")
    assert "addr.0=10.0.0.2:123" in said and "addr.2=10.0.0.0:123" in said and "now=0x" in said
    assert asked.ask(10, f"{nonce}, frags=32", peer="10.0.0.9") == f"error {BAD_VALUE}"
    assert asked.ask(10, "frags=32") == f"error {BAD_VALUE}"
    asked.world = replace(asked.world, kernel_ns=NOW + 20 * NS)
    assert asked.ask(10, f"{nonce}, frags=32") == f"error {BAD_VALUE}", "and it ages"


@pytest.mark.parametrize("fragments", [1, 2, 32, 1000])
def test_a_long_client_list_stays_within_the_fragments_asked_for(fragments: int) -> None:
    asked = Asked(count=5000)
    data = f"{asked.nonce()}, frags={fragments}".encode()
    assert 1 <= len(asked.raw(10, data)) <= min(fragments, 32)


@pytest.mark.parametrize(
    ("last", "accepted", "octet"),
    [(0, 0, 0), (NOW, 1000, 0xFF), (NOW - 17 * NS, 1000, 0xFE), (NOW - 200 * NS, 1000, 0), (NOW, 20, 0b11)],
)
def test_reach(last: int, accepted: int, octet: int) -> None:
    assert reach(last, accepted, NOW) == octet


@given(data=st.binary(max_size=600))
def test_any_bytes_are_answered_in_order_or_not_at_all(data: bytes) -> None:
    for packet in Asked().control.answer(data, "10.0.0.1"):
        assert len(packet) <= 480 and packet[1] & 0x80


@given(operation=st.integers(0, 31), association=st.integers(0, 3), data=st.binary(max_size=100))
def test_any_request_is_answered_in_order(operation: int, association: int, data: bytes) -> None:
    packets = Asked().raw(operation, data, association)
    assert 1 <= len(packets) <= 32


def test_the_fast_path_hands_over_mode_6_whoever_asks_and_answers_nothing_itself() -> None:
    outcome = Server().ask(HEADER.pack(0x26, 2, 1, 0, 0, 0, 0))
    assert (outcome.verdict, outcome.data) == (Verdict.CONTROL, None)
