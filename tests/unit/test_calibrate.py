# SPDX-License-Identifier: MIT
"""The calibration finds the latency of a line, and its constant is the one that makes the discipline right."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from stratum1.calibrate import main
from stratum1.calibrate.command import report, run
from stratum1.calibrate.latency import SECOND, Measured, Toggle, constant, measure
from stratum1.discipline import Config, Discipline
from stratum1.pps import Pulse, PulseError
from stratum1.tracking import State

START = 1_900_000_000 * SECOND
WRITE_NS = 1200


class LoopedLine:
    """An output and a pulse line joined by a wire, in simulated time; the edge is in the middle of the write."""

    path = "/dev/pps1"
    captures_clear = False

    def __init__(self, latency: Callable[[], int], interrupt_ns: int = 4000, loose: bool = False) -> None:
        self.time = START
        self.high = False
        self.latency = latency
        self.interrupt_ns = interrupt_ns
        self.loose = loose
        self.previous: Pulse | None = None
        self.newest = Pulse(7, 0, 0, 0)
        self.stamped = self.newest
        self.foreign = 0
        self.closed = False

    def set(self, high: bool) -> None:
        if high and not self.high and not self.loose:
            self.stamped = Pulse(self.stamped.assert_sequence + 1, self.time + WRITE_NS // 2 + self.latency(), 0, 0)
            self.time += self.interrupt_ns  # the interrupt is taken before the write returns
        self.time += WRITE_NS
        self.high = high

    def now(self) -> int:
        self.time += 50
        return self.time

    def sleep(self, ns: int) -> None:
        self.time += ns

    def fetch(self) -> Pulse | None:
        if self.stamped.assert_sequence == self.newest.assert_sequence:
            return None
        self.previous, self.newest = self.newest, self.stamped
        return self.newest

    def verify(self) -> None:
        pass

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed = True


def measured(line: LoopedLine, count: int = 300) -> Measured:
    return measure(line, line, line.now, line.sleep, count, random.Random(1))


def test_a_constant_latency_is_found_although_the_interrupt_delays_the_write() -> None:
    found = measured(LoopedLine(lambda: 5300))
    assert found.lost == 0
    assert len(found.latencies) == 300
    for latency in found.latencies:
        assert abs(latency - 5300) <= 100  # the reading of the clock takes 50
    assert found.uncertainty_ns < WRITE_NS


def test_an_edge_that_no_stamp_answers_is_lost_and_not_invented() -> None:
    line = LoopedLine(lambda: 5300, loose=True)
    found = measured(line, 25)
    assert (found.toggles, found.lost) == ([], 25)


def test_a_stamp_of_another_edge_is_not_ours() -> None:
    line = LoopedLine(lambda: -SECOND)
    assert measured(line, 25).lost == 25


def latencies_of(kind: str, seed: int) -> list[int]:
    chance = random.Random(seed)
    if kind == "symmetric":
        return sorted(round(chance.gauss(4000, 300)) for _ in range(500))
    return sorted(round(chance.gauss(4000, 200) + chance.expovariate(1 / 1500)) for _ in range(500))


@pytest.mark.parametrize("kind", ["symmetric", "one-sided"])
def test_with_the_constant_the_discipline_keeps_true_time(kind: str) -> None:
    proposed = constant(latencies_of(kind, 1), random.Random(2))
    discipline = Discipline(Config(labels="system", delay_ns=proposed))
    chance = random.Random(3)
    fresh = latencies_of(kind, 4)
    discipline.begin(START - SECOND // 2, SECOND // 2)
    errors = []
    for k in range(1, 3000):
        second = START + k * SECOND
        discipline.edge(k, second + chance.choice(fresh))
        discipline.advance(second + 5_000_000, (k + 1) * SECOND + 5_000_000)
        if k > 1500:
            errors.append(discipline.estimate().correction_ns)
    assert discipline.estimate().state == State.LOCKED
    assert abs(sum(errors) / len(errors)) < 200


def test_a_symmetric_latency_has_its_mean_as_constant() -> None:
    assert abs(constant(latencies_of("symmetric", 1), random.Random(2)) - 4000) < 100


def test_latencies_too_wild_to_lock_to_give_no_constant() -> None:
    chance = random.Random(5)
    wild = [chance.randrange(400_000_000) for _ in range(200)]
    with pytest.raises(ValueError, match="too wild"):
        constant(wild, chance)


def test_the_report_ends_in_the_command_that_sets_the_constant() -> None:
    toggles = [Toggle(0, 2000, 4000 + 10 * k) for k in range(100)]
    text = report(Measured(toggles, 1000, 2), 3950, 20.0)
    assert "100, 2 lost" in text
    assert "100 ns for 20 m" in text
    assert text.splitlines()[-1] == "stratum1 settings set pulse.delay_ns 4050"


def test_a_loose_wire_is_said_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    line = LoopedLine(lambda: 0, loose=True)
    assert run(line, "/dev/pps1", 25, 0.0, open_pulses=lambda path: line, now=line.now, sleep=line.sleep) == 2
    assert re.search(r"/dev/pps1: 0 of \d+ edges were stamped. Wire the output pin", capsys.readouterr().err)
    assert line.closed


def test_a_whole_run_prints_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    line = LoopedLine(lambda: 5300)
    assert run(line, "/dev/pps1", 100, 10.0, open_pulses=lambda path: line, now=line.now, sleep=line.sleep) == 0
    out = capsys.readouterr().out
    assert "edges stamped   100\n" in out
    constant_ns = int(out.split()[-1])
    assert abs(constant_ns - 50 - 5300) <= WRITE_NS // 2


def test_a_line_that_is_not_there_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(path: str) -> LoopedLine:
        raise PulseError(f"{path}: no such device")

    assert run(LoopedLine(lambda: 0), "/dev/pps1", 50, 0.0, open_pulses=refuse) == 2
    assert capsys.readouterr().err == "stratum1 calibrate: /dev/pps1: no such device\n"


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--pin", "99"], "--pin 99: want a GPIO number"),
        (["--pin", "4", "--count", "3"], "--count 3: want"),
        (["--pin", "4", "--cable", "-1"], "--cable -1.0: want"),
        ([], "--pin"),
    ],
)
def test_bad_options_name_what_is_wanted(arguments: list[str], wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert wrong in capsys.readouterr().err
