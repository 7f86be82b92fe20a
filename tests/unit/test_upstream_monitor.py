# SPDX-License-Identifier: MIT
"""A house of time servers in simulated time: who is asked when, who is believed, and what is said of our own time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from stratum1.timescale import ntp_timestamp
from stratum1.upstream import Upstream, Verdict
from stratum1.upstream.monitor import Exchange, Monitor, Served

NS = 1_000_000_000
MS = 1_000_000
START = 1_795_000_000 * NS


class Clock:
    """True time is what the kernel clock reads; we serve it `error_ns` late."""

    precision = -20

    def __init__(self) -> None:
        self.now = 100 * NS
        self.error_ns = 0
        self.bound_ns = 1000
        self.serves = True
        self.steps = 0

    def monotonic_ns(self) -> int:
        return self.now

    def kernel_ns(self) -> int:
        return START + self.now

    def served(self, kernel_ns: int) -> Served:
        return Served(kernel_ns + self.error_ns, self.bound_ns, self.serves, self.steps)


@dataclass
class House:
    """One server: `ahead_ns` of true time, `way_ns` away in each direction."""

    ahead_ns: int = 0
    way_ns: int = 5 * MS
    silent: bool = False
    broken: bool = False
    """Its port is closed, and the network says so."""
    stratum: int = 1
    leap: int = 0
    refid: bytes = b"PPS\0"
    dispersion: int = 0x10
    origin: bytes | None = None
    asked: list[int] = field(default_factory=list)


class Question:
    def __init__(self, network: Network, address: str, data: bytes) -> None:
        self.local = network.local
        self.house = network.houses.get(address, House(silent=True))
        self.clock = network.clock
        self.data = data
        self.sent = self.clock.now
        self.done = False
        self.closed = False
        self.house.asked.append(self.sent)

    def fileno(self) -> int:
        raise AssertionError("nothing waits here")

    def receive(self) -> tuple[bytes, int] | None:
        house = self.house
        back = self.sent + 2 * house.way_ns
        if house.broken:
            raise ConnectionRefusedError(111, "Connection refused")
        if house.silent or self.done or self.clock.now < back:
            return None
        self.done = True
        there = START + self.sent + house.way_ns + house.ahead_ns
        head = struct.pack(
            ">BBbbII4sQ",
            house.leap << 6 | 0x24,
            house.stratum,
            6,
            -23,
            0,
            house.dispersion,
            house.refid,
            ntp_timestamp(there - NS),
        )
        stamps = struct.pack(">QQ", ntp_timestamp(there), ntp_timestamp(there))
        return head + (house.origin or self.data[40:48]) + stamps, START + back

    def close(self) -> None:
        self.closed = True


class Network:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.local = "192.0.2.200"
        self.houses: dict[str, House] = {}
        self.names: dict[str, list[str]] = {}
        self.questions: list[Question] = []
        self.lookups: list[str] = []
        self._found: list[tuple[str, list[str], str]] = []

    def look_up(self, name: str) -> None:
        self.lookups.append(name)
        addresses = self.names.get(name, [])
        self._found.append((name, addresses, "" if addresses else "its name is not found: none such"))

    def found(self) -> Sequence[tuple[str, list[str], str]]:
        found, self._found = self._found, []
        return found

    def ask(self, address: str, data: bytes) -> tuple[Exchange, int]:
        self.questions.append(Question(self, address, data))
        return self.questions[-1], START + self.clock.now


class Town:
    def __init__(self, *houses: House, poll_s: int = 64, names: Sequence[str] = ()) -> None:
        self.clock = Clock()
        self.network = Network(self.clock)
        self.houses = houses
        self.told: list[Upstream] = []
        for index, house in enumerate(houses):
            self.network.houses[f"192.0.2.{index + 1}"] = house
            self.network.names[f"ntp{index + 1}"] = [f"192.0.2.{index + 1}"]
        names = names or list(self.network.names)
        self.monitor = Monitor(names, poll_s, self.clock, self.network, self.told.append)

    def run(self, seconds: float) -> Upstream:
        """Turn as often as it wants, when an answer comes, and every 4 s as the process does for its heartbeat."""
        end = self.clock.now + round(seconds * NS)
        while True:
            due = self.monitor.turn()
            if self.network._found:
                continue
            came = [q.sent + 2 * q.house.way_ns for q in self.network.questions if not q.closed and not q.house.silent]
            nearest = min([due, self.clock.now + 4 * NS, *(at for at in came if at > self.clock.now)])
            if nearest > end:
                self.clock.now = end
                return self.told[-1]
            assert nearest > self.clock.now or came, "it wants to turn without end"
            self.clock.now = max(nearest, self.clock.now + 1)

    def tallies(self) -> str:
        return "".join(server.tally for server in self.told[-1].servers)

    def problem(self) -> str:
        return self.told[-1].servers[0].problem


def test_three_honest_servers_agree() -> None:
    town = Town(House(), House(ahead_ns=2 * MS, way_ns=20 * MS), House(ahead_ns=-MS, way_ns=9 * MS))
    said = town.run(20)
    assert said.verdict is Verdict.AGREES and said.majority == 3
    assert town.tallies() == "+++"
    first = said.servers[0]
    assert (first.stratum, first.refid, first.leap, first.reach_octal) == (1, "PPS", 0, "17")
    assert first.offset_ns is not None and abs(first.offset_ns) < 10
    assert first.delay_ns is not None and abs(first.delay_ns - 10 * MS) < 10
    assert said.servers[1].offset_ns is not None and abs(said.servers[1].offset_ns - 2 * MS) < 10


def test_one_liar_is_found_out_and_changes_nothing() -> None:
    town = Town(House(), House(ahead_ns=5 * NS), House(way_ns=8 * MS))
    assert town.run(20).verdict is Verdict.AGREES
    assert town.tallies() == "+x+"
    assert not town.told[-1].contradicts


@pytest.mark.parametrize("error_ns", [-40 * MS, 40 * MS])
def test_our_own_error_is_seen_with_its_sign(error_ns: int) -> None:
    town = Town(House(), House(), House())
    town.clock.error_ns = error_ns
    said = town.run(20)
    assert said.verdict is Verdict.DISAGREES and said.contradicts
    assert said.offset_ns is not None and said.error_ns is not None
    assert abs(said.offset_ns + error_ns) <= said.error_ns < 10 * MS


def test_what_we_admit_ourselves_is_no_disagreement() -> None:
    town = Town(House(), House())
    town.clock.error_ns = 40 * MS
    town.clock.bound_ns = 41 * MS
    assert town.run(20).verdict is Verdict.AGREES


def test_one_server_alone_disagrees_but_convinces_nobody() -> None:
    town = Town(House(ahead_ns=NS))
    said = town.run(20)
    assert said.verdict is Verdict.DISAGREES and said.majority == 1 and not said.contradicts


def test_two_that_differ_are_no_majority() -> None:
    town = Town(House(), House(ahead_ns=NS))
    said = town.run(20)
    assert said.verdict is Verdict.NO_MAJORITY and said.offset_ns is None
    assert town.tallies() == "xx"


def test_while_we_claim_nothing_nothing_is_compared() -> None:
    town = Town(House(), House())
    town.clock.serves = False
    assert town.run(20).verdict is Verdict.NOT_COMPARED
    town.clock.serves = True
    assert town.run(1).verdict is Verdict.AGREES


def test_our_own_step_makes_old_measurements_worthless() -> None:
    town = Town(House(), House())
    town.run(20)
    town.clock.error_ns = 3 * NS
    town.clock.steps = 1
    said = town.run(5)
    assert said.verdict is Verdict.WAITING and said.servers[0].offset_ns is None
    assert town.problem() == "nothing measured since the clock was set"
    assert town.run(70).verdict is Verdict.DISAGREES


def test_a_burst_at_the_start_and_then_never_more_than_asked_for() -> None:
    town = Town(House())
    town.run(3600)
    gaps = [b - a for a, b in zip(town.houses[0].asked, town.houses[0].asked[1:], strict=False)]
    assert [round(gap / NS) for gap in gaps[:3]] == [2, 2, 2]
    assert min(gaps[3:]) >= 64 * NS and max(gaps[3:]) <= 68 * NS + 10
    assert town.told[-1].servers[0].reach == 0xFF


def test_who_is_silent_is_asked_ever_more_rarely_and_found_again() -> None:
    town = Town(House(silent=True))
    said = town.run(10)
    assert said.verdict is Verdict.UNREACHABLE and town.problem() == "does not answer"
    town.run(6 * 3600)
    late = town.houses[0].asked[-2:]
    assert late[1] - late[0] >= 1024 * NS
    town.houses[0].silent = False
    assert town.run(1100).verdict is Verdict.AGREES
    before = len(town.houses[0].asked)
    town.run(640)
    assert len(town.houses[0].asked) - before >= 8, "back to the rate of the settings"


def test_a_lost_answer_is_seen_in_reach_alone() -> None:
    town = Town(House(), House())
    town.run(600)
    town.houses[0].silent = True
    asked = len(town.houses[0].asked)
    while len(town.houses[0].asked) == asked:
        town.run(1)
    town.run(5)
    town.houses[0].silent = False
    assert town.told[-1].verdict is Verdict.AGREES and town.told[-1].servers[0].reach_octal == "376"
    while len(town.houses[0].asked) == asked + 1:
        town.run(1)
    said = town.run(1)
    assert said.verdict is Verdict.AGREES and said.servers[0].reach_octal == "375"


def test_a_closed_port_is_told() -> None:
    town = Town(House(broken=True))
    assert town.run(10).verdict is Verdict.UNREACHABLE
    assert town.problem() == "does not answer: Connection refused"


def test_rate_doubles_the_interval() -> None:
    town = Town(House())
    town.run(100)
    town.houses[0].stratum, town.houses[0].refid = 0, b"RATE"
    town.run(70)
    assert town.told[-1].servers[0].poll_s == 128
    town.houses[0].stratum, town.houses[0].refid = 1, b"PPS\0"
    before = len(town.houses[0].asked)
    town.run(1000)
    assert len(town.houses[0].asked) - before <= 8, "it goes on asking so rarely"
    assert town.told[-1].verdict is Verdict.AGREES


@pytest.mark.parametrize("code", [b"DENY", b"RSTR"])
def test_who_wants_to_be_left_alone_is_left_alone(code: bytes) -> None:
    town = Town(House(stratum=0, refid=code))
    town.run(7200)
    assert len(town.houses[0].asked) == 1
    assert town.problem() == f"asks to be left alone ({code.decode()})"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"leap": 3}, "is not synchronised"),
        ({"stratum": 16}, "is not synchronised"),
        ({"stratum": 2, "refid": bytes([192, 0, 2, 200])}, "takes its time from this box"),
        ({"dispersion": 2 << 16}, "is too uncertain (±2.0 s)"),
        ({"origin": b"\1" * 8}, "does not answer"),
    ],
)
def test_who_is_not_counted_and_why(changes: dict[str, Any], problem: str) -> None:
    town = Town(House(**changes))
    said = town.run(20)
    assert said.verdict is Verdict.UNREACHABLE and town.problem() == problem
    assert town.tallies() == " "


def test_a_server_is_not_asked_whether_it_agrees_with_itself() -> None:
    town = Town(House())
    town.network.local = "192.0.2.1"
    town.run(200)
    assert town.problem() == "is this box itself" and len(town.houses[0].asked) == 1


def test_two_names_of_one_server_are_one_witness() -> None:
    town = Town(House(), names=["ntp1", "alias"])
    town.network.names["alias"] = ["192.0.2.1"]
    said = town.run(20)
    assert said.majority == 1 and said.servers[1].problem == "192.0.2.1 is asked already under another name"
    town.network.names["alias"] = ["192.0.2.1", "192.0.2.2"]
    town.network.houses["192.0.2.2"] = House()
    assert town.run(1200).majority == 2


def test_a_name_that_is_not_found_is_looked_up_again() -> None:
    town = Town(House(), names=["later"])
    assert town.run(5).verdict is Verdict.UNREACHABLE
    assert town.problem() == "its name is not found: none such"
    town.network.names["later"] = ["192.0.2.1"]
    assert town.run(80).verdict is Verdict.AGREES


def test_a_dead_address_gives_way_to_the_next_and_then_to_a_new_look_up() -> None:
    town = Town(House(silent=True), House(silent=True), names=["ntp1"])
    town.network.names["ntp1"] = ["192.0.2.1", "192.0.2.2"]
    town.run(800)
    assert town.houses[1].asked and town.network.lookups == ["ntp1", "ntp1"]
    town.network.houses["192.0.2.9"] = House()
    town.network.names["ntp1"] = ["192.0.2.9"]
    assert town.run(8000).verdict is Verdict.AGREES
    assert town.told[-1].servers[0].address == "192.0.2.9"


def test_old_measurements_lose_certainty() -> None:
    town = Town(House(), House())
    sure = town.run(20).error_ns
    town.houses[0].silent = town.houses[1].silent = True
    unsure = town.run(300).error_ns
    assert sure is not None and unsure is not None and unsure > sure


def test_news_are_renewed_so_that_nobody_takes_them_for_old() -> None:
    town = Town(House(silent=True), poll_s=1024)
    town.run(7200)
    gaps = [b.monotonic_ns - a.monotonic_ns for a, b in zip(town.told, town.told[1:], strict=False)]
    assert max(gaps) <= 64 * NS


def test_the_verdict_remembers_since_when() -> None:
    town = Town(House(), House())
    first = town.run(20)
    later = town.run(500)
    assert later.since_ns == first.since_ns < later.monotonic_ns


def test_every_port_is_closed_again() -> None:
    town = Town(House(), House(silent=True))
    town.run(500)
    town.monitor.close()
    assert all(question.closed for question in town.network.questions)
    assert not town.monitor.exchanges
