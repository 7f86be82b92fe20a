# SPDX-License-Identifier: MIT
"""Who is answered, how often, and what a flood of invented addresses can do."""

from __future__ import annotations

import pytest
from responding import NS, Server
from wire import Packet

from stratum1.ntp.access import Policy, expand
from stratum1.ntp.verdicts import Verdict

ASK = Packet(transmit=7).pack()


@pytest.mark.parametrize(
    ("source", "answered"),
    [
        ("127.0.0.1", True),
        ("10.255.255.255", True),
        ("172.15.255.255", False),
        ("172.16.0.0", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.0.1", True),
        ("192.169.0.1", False),
        ("169.254.3.4", True),
        ("8.8.8.8", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("::1", True),
        ("::2", False),
        ("fe80::1", True),
        ("febf:ffff::1", True),
        ("fec0::1", False),
        ("fd12:3456::1", True),
        ("2001:db8::1", False),
    ],
)
def test_local_networks_by_default(source: str, answered: bool) -> None:
    verdict = Server().ask(ASK, source).verdict
    assert verdict is (Verdict.ANSWER if answered else Verdict.ACCESS)


def test_the_networks_of_our_own_interfaces_are_local() -> None:
    server = Server(on_link=("2001:db8:5::/64", "203.0.113.0/24"))
    assert server.ask(ASK, "2001:db8:5::77").verdict is Verdict.ANSWER
    assert server.ask(ASK, "203.0.113.9").verdict is Verdict.ANSWER
    assert server.ask(ASK, "2001:db8:6::77").verdict is Verdict.ACCESS


def test_everyone_is_a_choice() -> None:
    assert Server(everyone=True).ask(ASK, "8.8.8.8").verdict is Verdict.ANSWER
    assert Server(allow=("8.8.8.0/24",)).ask(ASK, "8.8.8.8").verdict is Verdict.ANSWER
    assert Server(allow=("8.8.8.0/24",)).ask(ASK, "192.168.1.1").verdict is Verdict.ACCESS
    assert Server(allow=("0.0.0.0/0",)).ask(ASK, "::1").verdict is Verdict.ACCESS, "all of IPv4 is not all of IPv6"


def test_other_rules_take_effect_at_once() -> None:
    server = Server()
    server.answerer.use(Policy(allow=("10.0.0.0/8",)))
    assert server.ask(ASK).verdict is Verdict.ACCESS


def test_networks_are_written_out_without_doubles() -> None:
    assert expand(("192.168.1.0/24", "192.168.0.0/16", "10.1.0.0/16")) == ["10.1.0.0/16", "192.168.0.0/16"]


def test_too_many_networks_are_refused_rather_than_forgotten() -> None:
    with pytest.raises(ValueError, match="65 networks"):
        Policy(allow=tuple(f"10.{i}.0.0/24" for i in range(65)))


LIMITED = {"rate_per_minute": 60, "rate_burst": 8}


def test_an_iburst_always_passes() -> None:
    server = Server(**LIMITED)
    for _ in range(8):
        assert server.ask(ASK).verdict is Verdict.ANSWER
        server.pass_time(2 * NS)


def test_a_burst_passes_and_the_rate_counts_after_it() -> None:
    server = Server(**LIMITED)
    assert [server.ask(ASK).verdict for _ in range(8)] == [Verdict.ANSWER] * 8
    later = [server.ask(ASK).verdict for _ in range(800)]
    assert later.count(Verdict.RATE) > 600
    assert 40 < later.count(Verdict.ANSWER) < 200, "some leak through: a forger cannot silence a client"
    assert later.count(Verdict.KISS) == 1, "at most one kiss a second"


def test_whoever_slows_down_is_answered_again() -> None:
    server = Server(**LIMITED)
    for _ in range(500):
        server.ask(ASK)
    server.pass_time(9 * NS)
    assert [server.ask(ASK).verdict for _ in range(8)] == [Verdict.ANSWER] * 8


def test_a_kiss_is_rate_with_leap_3_stratum_0_and_the_origin() -> None:
    server = Server(**LIMITED)
    kisses = [o for o in (server.ask(ASK) for _ in range(2000)) if o.verdict is Verdict.KISS]
    assert kisses and kisses[0].data is not None
    got = Packet.parse(kisses[0].data)
    assert (got.leap, got.stratum, got.refid, got.origin, len(kisses[0].data)) == (3, 0, b"RATE", 7, 48)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.168.1.1", "192.168.1.2", False),
        ("fd00::1", "fd00::2", True),
        ("fd00::1", "fd00:0:0:1::1", False),
    ],
)
def test_rates_count_by_address_of_ipv4_and_by_64_of_ipv6(one: str, other: str, shared: bool) -> None:
    server = Server(**LIMITED)
    for _ in range(8):
        server.ask(ASK, one)
    verdicts = {server.ask(ASK, other).verdict for _ in range(8)}
    assert (Verdict.RATE in verdicts) == shared


def test_a_flood_of_invented_addresses_pushes_out_nobody_who_comes_back() -> None:
    server = Server(**LIMITED, rows=64)
    regular = [f"192.168.1.{i}" for i in range(1, 9)]
    for _ in range(3):
        for source in regular:
            server.ask(ASK, source)
        server.pass_time(64 * NS)
    for source in regular:
        for _ in range(100):
            server.ask(ASK, source)
    for number in range(20_000):
        server.ask(ASK, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    for source in regular:
        # Still over the rate: the row that says so was kept.
        assert Verdict.RATE in {server.ask(ASK, source).verdict for _ in range(20)}


def test_who_finds_no_row_is_answered() -> None:
    server = Server(**LIMITED, rows=4)
    for _ in range(3):
        for i in range(4):
            server.ask(ASK, f"192.168.1.{i}")
        server.pass_time(64 * NS)
    assert {server.ask(ASK, "192.168.9.9").verdict for _ in range(50)} == {Verdict.ANSWER}
