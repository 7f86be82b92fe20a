# SPDX-License-Identifier: MIT
"""What comes down the pulse line: two edges, many pulses a second; and many messages a second."""

from __future__ import annotations

import random

import pytest
from simulated_clock import MESSAGE, PULSE_READ, TICKS_PER_NS, TICKS_PER_S, Bench, obey

from stratum1.discipline import Config, Estimate
from stratum1.tracking.snapshot import Reason, State

MS = 10**6
ASSERT, CLEAR = False, True
BOTH = [(0, ASSERT), (100 * MS, CLEAR)]
INVERTED = [(0, CLEAR), (100 * MS, ASSERT)]


class Line(Bench):
    """A Bench whose pulse line gives any edges: (ns after the true second, whether a clear edge)."""

    def edges(
        self, seconds: int, edges: list[tuple[int, bool]], *, messages: int = 1, message: bool = True
    ) -> Estimate:
        events = [(after * TICKS_PER_NS, "clear" if clear else "assert") for after, clear in edges]
        if message:
            events += [(MESSAGE + i * TICKS_PER_S // messages + 1, "message") for i in range(messages)]
        for _ in range(seconds):
            self.record.note(self.estimate, self.clock, self.monotonic_ns)
            self.clock.free = self.crystal(self.clock.second)
            named = self.clock.epoch_ns + self.clock.second * 10**9
            for tick, what in sorted(event for event in events if event[0] < TICKS_PER_S):
                self.clock.pass_to(max(tick, self.clock.fraction))
                if what == "message":
                    fraction = (tick - MESSAGE - 1) // TICKS_PER_NS
                    self.discipline.message(named + fraction, self.clock.kernel_ns, True, None)
                    continue
                stamp = self.clock.kernel_ns + (self.noise(self.clock.second) or 0) // 10
                self.clock.pass_to(tick + PULSE_READ)
                self.sequence += 1
                self.discipline.edge(self.sequence, stamp, what == "clear")
                obey(self.discipline, self.clock)
                self.estimate, self.monotonic_ns = (self.discipline.estimate(), self.clock.monotonic_ns)
            self.clock.pass_to(TICKS_PER_S)
        return self.estimate


def line(sigma_ns: float = 100.0, config: Config | None = None) -> Line:
    rng = random.Random(1)
    return Line(config, noise=lambda second: round(rng.gauss(0, sigma_ns) * 10))


def evenly(rate: int) -> list[tuple[int, bool]]:
    return [(i * 10**9 // rate, ASSERT) for i in range(rate)]


@pytest.mark.parametrize("rate", [2, 3, 4, 5, 6, 7, 8, 10, 13, 16, 20])
def test_pulses_of_which_none_is_known_to_be_the_seconds_own_give_no_lock(rate: int) -> None:
    bench = line()
    estimate = bench.edges(60, evenly(rate))
    assert estimate.reason is Reason.PULSE_NOT_1HZ
    assert str(rate) in estimate.detail
    assert not any(state.serves for state in bench.record.state)
    assert bench.edges(60, evenly(1)).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000


@pytest.mark.parametrize("rate", [2, 3, 4, 5, 6, 7, 8, 10, 13, 16, 20])
def test_once_the_second_is_known_every_pulse_is_used_and_none_is_taken_for_another_second(rate: int) -> None:
    bench = line()
    assert bench.edges(60, evenly(1)).state is State.LOCKED
    accepted = bench.estimate.pulses_accepted
    estimate = bench.edges(120, evenly(rate))
    assert estimate.state is State.LOCKED
    assert estimate.pulses_accepted - accepted > 100 * rate
    assert bench.edges(60, evenly(1)).state is State.LOCKED
    assert max(map(abs, bench.record.served_ns[60:])) < 1000
    assert bench.record.violations() == 0


def test_a_pulse_between_the_seconds_is_refused() -> None:
    bench = line()
    bench.edges(60, evenly(1))
    estimate = bench.edges(120, [(0, ASSERT), (370 * MS, ASSERT)])
    assert estimate.state is State.LOCKED
    assert estimate.pulses_rejected >= 100
    assert max(map(abs, bench.record.served_ns[60:])) < 1000


@pytest.mark.parametrize("rate", [5, 10])
def test_a_receiver_that_speaks_many_times_a_second_locks_on_the_right_second(rate: int) -> None:
    bench = line()
    assert bench.edges(40, evenly(1), messages=rate).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000


@pytest.mark.parametrize("edges", [BOTH, INVERTED, [(0, ASSERT)], [(0, CLEAR)]])
def test_the_leading_edge_is_found_whichever_way_the_wire_is_connected(edges: list[tuple[int, bool]]) -> None:
    bench = line()
    bench.edges(1, edges[1:])  # switched on in the middle of a pulse: the trailing edge comes first
    assert bench.edges(60, edges).state is State.LOCKED
    claimed = [e for e, state in zip(bench.record.served_ns, bench.record.state, strict=True) if state.serves]
    assert max(map(abs, claimed)) < 10_000
    assert bench.record.violations() == 0


@pytest.mark.parametrize("edge", ["assert", "clear"])
def test_the_edge_that_was_asked_for_is_the_second(edge: str) -> None:
    bench = line(config=Config(steers=True, edge=edge))
    edges = [(0, edge == "clear"), (700 * MS, edge != "clear")]
    assert bench.edges(60, edges).state is State.LOCKED
    assert abs(bench.record.served_ns[-1]) < 1000


def test_a_line_that_is_turned_over_while_locked_moves_no_time_unsaid() -> None:
    bench = line()
    bench.edges(100, BOTH)
    bench.edges(30, INVERTED)
    claimed = [e for e, state in zip(bench.record.served_ns, bench.record.state, strict=True) if state.serves]
    assert max(map(abs, claimed)) < 10_000
