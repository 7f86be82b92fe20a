# SPDX-License-Identifier: MIT
"""Forged signals raise a suspicion on four kinds of evidence, honest trouble on none, and a clean while ends it."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver.events import Epoch, LeapNotice, Place, Stamp, Suspicion
from stratum1.receiver.spoofing import CLEAN_NS, MOVED_NS, SpoofingWatch
from stratum1.timekeeper.suspicion import ASK_EVERY_NS, Suspicions, reasons_to_leave
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Leap, Spoofing, SpoofingEvidence

NOON = parse_iso_utc("2026-12-01T12:00:00Z")
HOME = (48.1, 11.5)


class Sky:
    """Epochs once a second, monotonic time beginning at 0; a crystal that is `ppm` off."""

    def __init__(self, ppm: float = 30.0) -> None:
        self.watch = SpoofingWatch()
        self.ppm = ppm
        self.second = 0
        self.shift_s = 0.0
        self.north_m = 0.0
        self.error_m: float | None = 4.0
        self._random = random.Random(1)

    @property
    def now(self) -> int:
        return round(self.second * (1 + self.ppm * 1e-6) * NS_PER_S)

    def run(self, seconds: int, mode: int = 3, valid: bool | None = True) -> tuple[Spoofing, SpoofingEvidence]:
        for _ in range(seconds):
            self.second += 1
            lag_ns = round((0.15 + self._random.random() * 0.05) * NS_PER_S)
            utc_ns = NOON + (self.second * NS_PER_S) + round(self.shift_s * NS_PER_S)
            metres = self.north_m + self._random.gauss(0, 3)
            place = Place(HOME[0] + math.degrees(metres / 6.371e6), HOME[1], self.error_m)
            epoch = Epoch(utc_ns, self.now + lag_ns, mode, valid, place=place)
            self.watch.epoch(epoch, self.now + lag_ns)
        return self.watch.verdict(self.now)

    def sleep(self, seconds: int) -> None:
        self.second += seconds


CLEAN = (Spoofing.NONE, SpoofingEvidence.NONE)


def test_a_quiet_box_is_above_suspicion_after_a_minute_and_not_before() -> None:
    sky = Sky()
    assert sky.run(30)[0] is Spoofing.UNKNOWN
    assert sky.run(30) == CLEAN
    assert sky.run(3000) == CLEAN


@pytest.mark.parametrize("jump_s", [-3600.0, -1.0, 0.7, 1.0, 86_400.0])
def test_a_jump_of_the_time_is_suspected_within_seconds(jump_s: float) -> None:
    sky = Sky()
    sky.run(100)
    sky.shift_s = jump_s
    assert sky.run(3) == CLEAN
    assert sky.run(3) == (Spoofing.SUSPECTED, SpoofingEvidence.TIME_JUMP)


def test_a_jump_back_is_evidence_too_and_ten_clean_minutes_end_it() -> None:
    sky = Sky()
    sky.run(100)
    sky.shift_s = 5.0
    sky.run(300)
    sky.shift_s = 0.0
    sky.run(10)
    clean_s = CLEAN_NS // NS_PER_S
    assert sky.run(clean_s - 20)[0] is Spoofing.SUSPECTED
    assert sky.run(20) == CLEAN


def test_a_single_odd_message_is_no_suspicion() -> None:
    sky = Sky()
    sky.run(100)
    for _ in range(5):
        sky.shift_s = 7.0
        sky.run(1)
        sky.shift_s = 0.0
        sky.run(20)
    assert sky.run(1) == CLEAN


def late(watch: SpoofingWatch, lags_s: list[float], begin: int, stamp: Stamp = Stamp.REPORT) -> int:
    """Honest epochs once a second from `begin` on, read so late; the second after the last."""
    for second, lag in enumerate(lags_s, begin):
        arrival = second * NS_PER_S + round(lag * NS_PER_S)
        watch.epoch(Epoch(NOON + second * NS_PER_S, arrival, 3, True, stamp=stamp), arrival)
    return begin + len(lags_s)


HONEST = SpoofingEvidence.NONE


@pytest.mark.parametrize("lag_s", [0.5, 0.9, 1.0, 1.6, 2.4])
def test_messages_read_late_while_a_machine_starts_are_no_jump_when_it_has_become_quick(lag_s: float) -> None:
    watch = SpoofingWatch()
    second = late(watch, [lag_s] * 20, 1)
    late(watch, [0.15] * 100, second)
    assert watch.verdict(0)[1] is HONEST


@given(st.lists(st.floats(0.05, 2.3), max_size=25))
def test_no_machine_that_is_busy_when_it_starts_makes_honest_signals_forged(lags_s: list[float]) -> None:
    watch = SpoofingWatch()
    late(watch, [0.15] * 100, late(watch, lags_s, 1))
    assert watch.verdict(0)[1] is HONEST


@given(st.lists(st.floats(0.05, 1.0), max_size=25))
def test_no_machine_that_becomes_busy_makes_honest_signals_forged(lags_s: list[float]) -> None:
    watch = SpoofingWatch()
    late(watch, [0.15] * 60, late(watch, lags_s, late(watch, [0.15] * 60, 1)))
    assert watch.verdict(0)[1] is HONEST


def test_a_backlog_that_is_read_in_one_go_is_no_jump() -> None:
    watch = SpoofingWatch()
    second = late(watch, [0.15] * 100, 1)
    second = late(watch, [float(30 - waited) for waited in range(30)], second)
    late(watch, [0.15] * 100, second)
    assert watch.verdict(0)[1] is HONEST


@pytest.mark.parametrize(("before", "then"), [(Stamp.REPORT, Stamp.FIRST_BYTE), (Stamp.FIRST_BYTE, Stamp.SENTENCE)])
def test_the_end_of_a_burst_instead_of_its_beginning_is_no_jump(before: Stamp, then: Stamp) -> None:
    watch = SpoofingWatch()
    lags = {Stamp.FIRST_BYTE: 0.1, Stamp.SENTENCE: 0.6, Stamp.REPORT: 0.95}
    second = late(watch, [lags[before]] * 100, 1, before)
    second = late(watch, [lags[then]] * 100, second, then)
    late(watch, [lags[before]] * 100, second, before)
    assert watch.verdict(0)[1] is HONEST


def test_what_was_stamped_before_the_clock_was_set_is_no_evidence() -> None:
    suspicions = Suspicions()
    for second in range(1, 200):
        # Set by an hour after a minute; for 8 s messages of the old count are still read.
        set_ns = 3600 * NS_PER_S if second >= 60 else 0
        stamped_ns = second * NS_PER_S + (set_ns if second >= 68 else 0)
        suspicions.take(Epoch(NOON + second * NS_PER_S, stamped_ns, 3, True), set_ns, second * NS_PER_S)
    assert suspicions.evidence is HONEST


def test_a_receiver_that_had_the_wrong_leap_seconds_and_said_so_is_honest() -> None:
    sky = Sky()
    sky.shift_s = 3.0
    sky.run(700, valid=False)
    sky.shift_s = 0.0
    assert sky.run(100) == CLEAN


def test_a_silence_of_hours_with_a_bad_crystal_is_no_jump() -> None:
    sky = Sky(ppm=150.0)
    sky.run(100)
    sky.sleep(4 * 3600)
    assert sky.run(100) == CLEAN


def test_a_jump_hidden_in_a_short_silence_is_seen() -> None:
    sky = Sky()
    sky.run(100)
    sky.run(300, mode=1)
    sky.shift_s = 2.0
    assert sky.run(10)[1] is SpoofingEvidence.TIME_JUMP


def test_a_box_that_stands_still_and_is_said_to_be_elsewhere_is_deceived() -> None:
    sky = Sky()
    sky.run(100)
    sky.north_m = 1000.0
    assert sky.run(10) == (Spoofing.SUSPECTED, SpoofingEvidence.POSITION_JUMP)
    sky.north_m = 0.0
    assert sky.run(CLEAN_NS // NS_PER_S + 5) == CLEAN


def test_how_far_off_is_a_jump_depends_on_how_well_the_receiver_knows() -> None:
    sky = Sky()
    sky.error_m = 300.0
    sky.run(100)
    sky.north_m = 1000.0
    assert sky.run(100) == CLEAN
    sky.north_m = 3000.0
    assert sky.run(10)[1] is SpoofingEvidence.POSITION_JUMP


def test_a_box_that_was_carried_away_is_believed_after_an_hour() -> None:
    sky = Sky()
    sky.run(100)
    sky.north_m = 5000.0
    moved_s = MOVED_NS // NS_PER_S
    assert sky.run(moved_s - 60)[1] is SpoofingEvidence.POSITION_JUMP
    assert sky.run(60 + CLEAN_NS // NS_PER_S + 60) == CLEAN


def test_a_receiver_that_is_still_finding_itself_is_not_suspected() -> None:
    sky = Sky()
    sky.north_m = 3000.0
    sky.run(20)
    sky.north_m = 0.0
    assert sky.run(100) == CLEAN


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.integers(1, 200)), max_size=12), st.floats(-150, 150))
def test_no_history_of_fixes_won_and_lost_is_a_suspicion(history: list[tuple[int, int]], ppm: float) -> None:
    sky = Sky(ppm)
    for mode, seconds in history:
        assert sky.run(seconds, mode)[0] is not Spoofing.SUSPECTED


def test_the_receivers_own_opinion_counts_when_it_holds() -> None:
    watch = SpoofingWatch()
    for second in range(4):
        watch.receiver_says(True, second * NS_PER_S)
    assert watch.verdict(4 * NS_PER_S)[0] is Spoofing.UNKNOWN
    watch.receiver_says(True, 4 * NS_PER_S)
    assert watch.verdict(4 * NS_PER_S) == (Spoofing.SUSPECTED, SpoofingEvidence.RECEIVER)
    # It says so until it says otherwise.
    assert watch.verdict(10**4 * NS_PER_S)[0] is Spoofing.SUSPECTED
    watch.receiver_says(False, 10**4 * NS_PER_S)
    assert watch.verdict(10**4 * NS_PER_S + CLEAN_NS) == CLEAN


# In the timekeeper


def test_servers_that_disagree_are_evidence_while_they_do() -> None:
    disagree = True
    suspicions = Suspicions(lambda: disagree)
    said = suspicions.look(0)
    assert "other time servers disagree" in said
    assert suspicions.spoofing is Spoofing.SUSPECTED
    assert suspicions.evidence is SpoofingEvidence.SERVERS
    assert suspicions.look(NS_PER_S) == ""
    disagree = False
    suspicions.look(ASK_EVERY_NS)
    assert "no suspicion any more" in suspicions.look(ASK_EVERY_NS + CLEAN_NS)
    assert suspicions.evidence is SpoofingEvidence.NONE


@pytest.mark.parametrize(
    ("on_spoofing", "on_disagreement", "signals", "servers"),
    [
        ("alarm", "alarm", False, False),
        ("holdover", "alarm", True, False),
        ("alarm", "holdover", False, True),
        ("holdover", "holdover", True, True),
    ],
)
def test_only_who_was_told_to_leaves_the_signals(
    on_spoofing: str, on_disagreement: str, signals: bool, servers: bool
) -> None:
    leave = reasons_to_leave(on_spoofing, on_disagreement)
    suspicions = Suspicions(leave=leave)
    for second in range(8):
        suspicions.take(Suspicion(True), 0, second * NS_PER_S)
    said = suspicions.look(8 * NS_PER_S)
    assert suspicions.forbid is signals
    assert ("they are not used" in said) is signals

    suspicions = Suspicions(lambda: True, leave)
    said = suspicions.look(0)
    assert suspicions.forbid is servers
    assert ("they are not used" in said) is servers


@pytest.mark.parametrize("announced", [True, False])
def test_a_leap_second_is_no_jump(announced: bool) -> None:
    suspicions = Suspicions()
    at = parse_iso_utc("2027-01-01T00:00:00Z")
    if announced:
        suspicions.take(LeapNotice(Leap.INSERT, at), 0, 0)
    for second in range(-200, 200):
        true = at + second * NS_PER_S
        utc = true if second < 0 else true - NS_PER_S
        suspicions.take(Epoch(utc, true + NS_PER_S // 10, 3, True), 0, true)
    assert suspicions.spoofing is not Spoofing.SUSPECTED
