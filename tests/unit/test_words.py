# SPDX-License-Identifier: MIT
"""What a person reads is what is served, fits its place, and never looks better than it is."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import Antenna, Leap, Reason, Snapshot, State
from stratum1.tracking.page import evaluate
from stratum1.words import (
    ANTENNA,
    REASONS,
    describe,
    format_bound,
    format_duration,
    format_ppm,
    format_seconds,
    moment,
    samples,
)

KERNEL = parse_iso_utc("2026-11-22T12:49:36Z")
CORRECTION = 1_500_000_000
STEP = KERNEL - 5_000 * NS_PER_S  # CLOCK_REALTIME - CLOCK_MONOTONIC

LOCKED = replace(
    samples.LOCKED,
    kernel_ns=KERNEL,
    correction_ns=CORRECTION,
    realtime_minus_monotonic_ns=STEP,
    reference_ns=KERNEL + CORRECTION,
    state_since_ns=KERNEL - 12_000 * NS_PER_S,
    last_pulse_ns=KERNEL,
)


def at(snapshot, seconds=0.0, stepped_s=0.0, zone="UTC"):
    """The status `seconds` after the snapshot was written, on a clock that somebody set by `stepped_s`."""
    monotonic = KERNEL - STEP + round(seconds * NS_PER_S)
    kernel = KERNEL + round((seconds + stepped_s) * NS_PER_S)
    return describe(snapshot, evaluate(snapshot, kernel, monotonic), zone)


def test_a_locked_box_says_so_with_all_its_numbers():
    status = at(LOCKED, 0.25)
    assert (status.state, status.level, status.serves) == ("LOCKED", "good", True)
    assert (status.time, status.date, status.day) == ("12:49:37", "2026-11-22", "Sunday")
    assert (status.stratum, status.refid) == ("1", "PPS")
    assert (status.offset, status.jitter, status.frequency) == ("+130 ns", "84 ns", "-3.210 ppm")
    assert status.bound == "±1.5 µs"
    assert (status.satellites, status.fix, status.temperature) == ("9 of 14", "3D fix", "41.2 °C")
    assert status.since == "3 h 20 min"
    assert status.holdover_left == "2 h 29 min"
    assert status.pulse == "/dev/pps0: every second"


def test_the_zone_changes_what_is_shown_and_not_what_is_true():
    status = at(LOCKED, zone="Europe/Berlin")
    assert (status.time, status.zone) == ("13:49:37", "CET")
    assert (status.time_utc, status.served_ns) == ("12:49:37", at(LOCKED).served_ns)
    assert ("UTC", "2026-11-22 12:49:37") in status.rows()


def test_an_unknown_zone_shows_utc_and_names_it():
    assert (at(LOCKED, zone="Mars/Olympus").time, at(LOCKED, zone="Mars/Olympus").zone) == ("12:49:37", "UTC")


@pytest.mark.parametrize(
    ("snapshot", "seconds", "stepped_s", "reason"),
    [
        (LOCKED, 3_600, 0, "TIMEKEEPER_SILENT"),
        (LOCKED, 2, 0.01, "CLOCK_STEPPED"),
        (LOCKED, 2, -7, "CLOCK_STEPPED"),
        (replace(LOCKED, state=State.HOLDOVER, reason=Reason.PULSE_LOST, bound_ns=9_999_999), 2, 0, "BOUND_EXCEEDED"),
        (replace(LOCKED, state=State.HOLDOVER, serve_until_ns=KERNEL + NS_PER_S), 2, 0, "HOLDOVER_EXPIRED"),
    ],
)
def test_what_is_no_longer_served_is_not_called_locked(snapshot, seconds, stepped_s, reason):
    status = at(snapshot, seconds, stepped_s)
    assert (status.state, status.reason) == ("UNSYNCHRONISED", reason)
    assert (status.level, status.serves, status.stratum, status.refid) == ("alarm", False, "-", "")
    assert status.advice


def test_a_dead_timekeeper_is_holdover_while_its_time_is_good():
    status = at(LOCKED, 60)
    assert (status.state, status.reason, status.serves) == ("HOLDOVER", "TIMEKEEPER_SILENT", True)
    assert status.progress == "10 min left"  # what is left of 10 ms at 15 ppm after one minute


def test_a_stepped_clock_shows_no_second_at_all():
    assert at(LOCKED, 2, stepped_s=-7).time == "--:--:--"


def test_a_second_is_shown_only_when_it_is_known():
    assert at(replace(LOCKED, reference_ns=0)).time == "--:--:--"
    unsure = replace(LOCKED, state=State.UNSYNCHRONISED, reason=Reason.BOUND_EXCEEDED)
    assert at(replace(unsure, bound_ns=400_000_000)).time == "12:49:37"
    assert at(replace(unsure, bound_ns=500_000_000)).time == "--:--:--"


def test_no_timekeeper_has_words():
    for status in (describe(None, None), describe(LOCKED, None), describe(None, (KERNEL, 1, True))):
        assert (status.state, status.time, status.stratum) == ("UNSYNCHRONISED", "--:--:--", "-")
        assert status.headline and status.advice


def test_the_search_for_satellites_shows_its_progress():
    snapshot = replace(LOCKED, state=State.ACQUIRING, reason=Reason.NO_FIX, satellites_seen=3, satellites_used=1)
    assert at(snapshot).progress == "3/4 seen, 1 used"
    assert at(snapshot).level == "busy"
    assert at(replace(snapshot, satellites_seen=9)).progress == "9 seen, 1/4 used"


def test_a_broken_antenna_is_named_before_what_follows_from_it():
    status = at(replace(LOCKED, state=State.HOLDOVER, reason=Reason.FIX_LOST, antenna=Antenna.OPEN))
    assert status.headline == ANTENNA[Antenna.OPEN].headline
    assert at(replace(LOCKED, antenna=Antenna.OPEN)).headline == REASONS[Reason.TRACKING].headline


def test_a_coming_leap_second_is_told_with_its_instant():
    leap = parse_iso_utc("2027-01-01T00:00:00Z")
    status = at(replace(LOCKED, leap=Leap.INSERT, leap_at_ns=leap))
    assert status.leap == "second inserted before 2027-01-01 00:00 UTC"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_that_fit_the_smallest_panel(reason):
    said = REASONS[reason]
    assert len(said.short) <= 21
    if reason is not Reason.NONE:
        assert said.short and said.headline.endswith(".") and said.advice.endswith(".")


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (-130, "-130 ns"),
        (1_300, "1.3 µs"),
        (9_949, "9.9 µs"),
        (9_951, "10 µs"),
        (999_499, "999 µs"),
        (999_500, "1.0 ms"),
        (4_200_000, "4.2 ms"),
        (1_200_000_000, "1.2 s"),
        (99_499_999_999, "99 s"),
        (100 * NS_PER_S, "1 min"),
    ],
)
def test_spans_are_short(ns, text):
    assert format_seconds(ns) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (100, "1 min"), (12_000, "3 h 20 min"), (7_200, "2 h"), (187_200, "2 d 4 h")],
)
def test_durations_are_short(seconds, text):
    assert format_duration(seconds * NS_PER_S) == text


def test_frequencies_say_which_way():
    assert format_ppm(1.2344e-6) == "+1.234 ppm"
    assert format_ppm(-2.5e-4) == "-250 ppm"
    assert format_ppm(float("nan")) == "-"


_FACTOR = {"ns": 1, "µs": 1_000, "ms": 1_000_000, "s": NS_PER_S}


@given(st.integers(0, 99 * NS_PER_S))
def test_a_bound_never_looks_better_than_it_is(ns):
    number, unit = format_bound(ns).removeprefix("±").split()
    assert round(float(number) * 10) * _FACTOR[unit] >= ns * 10


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_instant_has_a_second_and_is_never_rounded_up(ns):
    shown = moment(ns)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", shown.time)
    assume(ns >= 0)
    start = parse_iso_utc(f"{shown.date}T{shown.time}Z")
    assert start <= ns < start + NS_PER_S


int64 = st.integers(-(2**63), 2**63 - 1)
snapshots = st.builds(
    Snapshot,
    state=st.sampled_from(State),
    reason=st.sampled_from(Reason),
    detail=st.text(max_size=50),
    leap=st.sampled_from(Leap),
    stratum=st.integers(0, 16),
    refid=st.binary(max_size=4),
    kernel_ns=int64,
    correction_ns=int64,
    reference_ns=int64,
    bound_limit_ns=int64,
    serve_until_ns=int64,
    leap_at_ns=int64,
    frequency=st.floats(),
    bound_rate=st.floats(),
    steering=st.floats(),
    jitter_ns=int64,
    offset_ns=int64,
    state_since_ns=int64,
    holdover_left_ns=int64,
    last_pulse_ns=int64,
    pulses_accepted=st.integers(0, 2**64 - 1),
    temperature_mc=st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
    fix_mode=st.integers(0, 255),
    satellites_used=st.integers(0, 255),
    satellites_seen=st.integers(0, 255),
    antenna=st.sampled_from(Antenna),
    labels_agreeing=st.integers(0, 65535),
    labels_needed=st.integers(0, 65535),
    receiver=st.text(max_size=60),
    pulse_device=st.text(max_size=60),
)
nows = st.none() | st.tuples(int64, int64, st.booleans())


@given(snapshots, nows, st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", ""]))
def test_no_snapshot_raises_and_all_of_it_is_json(snapshot, now, zone):
    status = describe(snapshot, now, zone)
    plain = json.loads(json.dumps(status.as_dict(), allow_nan=False))
    assert plain.keys() == describe(None, None).as_dict().keys()
    assert len(status.short) <= 21
    assert status.rows() and status.line()


@given(snapshots, nows)
def test_what_is_not_served_never_reads_as_served(snapshot, now):
    status = describe(snapshot, now)
    if now is None or not now[2]:
        assert status.state in ("ACQUIRING", "UNSYNCHRONISED")
        assert status.stratum == "-" and status.level != "good"
