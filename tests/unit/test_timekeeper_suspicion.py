# SPDX-License-Identifier: MIT
"""What the timekeeper does about forged signals, and about what a receiver says of itself, in simulated time."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from test_timekeeper_loop import MS, SECOND, START, Bench

from stratum1.receiver.events import Epoch, Event, Hardware, Sawtooth, Surveying, Suspicion
from stratum1.receiver.spoofing import CLEAN_NS
from stratum1.timekeeper.suspicion import Suspicions
from stratum1.tracking import Antenna, Jamming, Reason, Spoofing, SpoofingEvidence, State, Survey
from stratum1.tracking.page import evaluate

CLEAN_S = CLEAN_NS // SECOND
EVERY = SpoofingEvidence.RECEIVER | SpoofingEvidence.TIME_JUMP | SpoofingEvidence.POSITION_JUMP


class Forger:
    """A receiver's stream: each second named 150 ms after its pulse, by whoever makes the signals."""

    wants_write = False

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._told = 0
        self.shift_s = 0
        self.suspects = False

    def receive(self, now_ns: int) -> Iterable[Event]:
        second = self._bench.clock.true // SECOND - 1
        if second <= self._told:
            return []
        self._told = second
        arrival_ns = START + second * SECOND + 150 * MS + self._bench.clock.ahead_ns
        utc_ns = START + (second + self.shift_s) * SECOND
        return [Suspicion(self.suspects), Epoch(utc_ns, arrival_ns, 3, True, 18)]

    def readers(self) -> list[int]:
        return []

    def writers(self) -> list[int]:
        return []

    def close(self) -> None:
        pass


def locked(leave: SpoofingEvidence) -> tuple[Bench, Forger]:
    bench = Bench(labels="gpsd", suspicions=Suspicions(leave=leave))
    forger = Forger(bench)
    bench.keeper.messages = forger
    bench.run(120)
    assert bench.pages[-1].state is State.LOCKED
    return bench, forger


def off_by(bench: Bench) -> int:
    served, _, _ = evaluate(bench.pages[-1], *bench.clock.read())
    return abs(served - START - bench.clock.true)


def test_who_only_raises_the_alarm_goes_on() -> None:
    bench, forger = locked(SpoofingEvidence.NONE)
    forger.suspects = True
    bench.run(60)
    page = bench.pages[-1]
    assert (page.state, page.spoofing) == (State.LOCKED, Spoofing.SUSPECTED)
    assert page.spoofing_evidence == SpoofingEvidence.RECEIVER
    assert sum("may be forged" in line for line in bench.lines) == 1


def test_who_leaves_forged_signals_holds_over_and_comes_back_when_they_were_clean() -> None:
    bench, forger = locked(EVERY)
    forger.suspects = True
    bench.run(20)
    page = bench.pages[-1]
    assert (page.state, page.reason) == (State.HOLDOVER, Reason.SPOOFING_SUSPECTED)
    accepted = page.pulses_accepted
    bench.run(120)
    assert bench.pages[-1].pulses_accepted == accepted
    forger.suspects = False
    bench.run(CLEAN_S - 30)
    assert bench.pages[-1].state is State.HOLDOVER
    bench.run(90)
    page = bench.pages[-1]
    assert (page.state, page.spoofing_evidence) == (State.LOCKED, SpoofingEvidence.NONE)
    assert off_by(bench) < 10_000


@pytest.mark.parametrize("leave", [SpoofingEvidence.NONE, EVERY])
@pytest.mark.parametrize("shift_s", [-3600, -1, 1, 7])
def test_a_forged_second_is_never_served(leave: SpoofingEvidence, shift_s: int) -> None:
    bench, forger = locked(leave)
    forger.shift_s = shift_s
    for _ in range(40):
        bench.run(1)
        assert not bench.pages[-1].state.serves or off_by(bench) < 100_000
    assert SpoofingEvidence.TIME_JUMP in bench.pages[-1].spoofing_evidence
    assert bench.pages[-1].state is (State.HOLDOVER if leave else bench.pages[-1].state)


def test_survey_jamming_and_the_pulses_error_are_on_the_page() -> None:
    bench = Bench(labels="gpsd")
    bench.stream.events = [
        Surveying(Survey.RUNNING, 120, 2_310),
        Hardware(Antenna.OK, 90, Jamming.WARNING),
        bench.epoch(START, 3, utc_valid=True, leap_seconds=18, rollovers=1),
        Sawtooth(START + SECOND, -7_123),
    ]
    bench.run(2)
    page = bench.pages[-1]
    assert (page.survey_state, page.survey_s, page.survey_accuracy_mm) == (Survey.RUNNING, 120, 2_310)
    assert (page.jamming, page.jamming_state, page.rollovers) == (90, Jamming.WARNING, 1)
    assert page.quantisation_ps == -7_123
    # 7.123 ns too late, for the discipline.
    assert bench.discipline.of("sawtooth") == [(START + SECOND, 7.123)]
