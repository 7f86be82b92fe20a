# SPDX-License-Identifier: MIT
"""The history keeps what happened, in bounded room, through restarts and torn files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.history import SPANS, History, Record, Sample, Span
from stratum1.history.events import EVENTS_KEPT, Event, EventLog
from stratum1.history.record import RECORD_SIZE
from stratum1.history.ring import Ring
from stratum1.paths import Paths
from stratum1.timescale import NS_PER_S
from stratum1.tracking import Reason, State

START_S = 1_800_000_000
MINUTE = Span("minute", 10, 6)


def sample(at_s: float, **known: float) -> Sample:
    return Sample(utc_ns=int(at_s * NS_PER_S), state=State.LOCKED, satellites=9, **known)


def paths_below(folder: Path) -> Paths:
    found = Paths(root=folder, run=folder / "run", data=folder / "data")
    found.run.mkdir(exist_ok=True)
    found.data.mkdir(exist_ok=True)
    return found


def test_an_interval_holds_mean_extremes_and_the_worst_that_it_saw(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", MINUTE)
    ring.add(sample(START_S, offset_ns=-10, bound_ns=100, frequency_ppm=1))
    ring.add(Sample(utc_ns=(START_S + 1) * NS_PER_S, state=State.HOLDOVER, bound_ns=900, satellites=2))
    ring.add(sample(START_S + 9.9, offset_ns=40, bound_ns=50, frequency_ppm=2))
    [record] = ring.records(START_S + 9)
    assert (record.offset_ns, record.offset_min_ns, record.offset_max_ns) == (15, -10, 40)
    assert (record.bound_ns, record.frequency_ppm) == (900, 1.5)
    assert (record.state, record.satellites, record.count) == (State.HOLDOVER, 2, 3)
    assert math.isnan(record.temperature_c)


def test_only_the_newest_round_is_told_and_the_file_never_grows(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", MINUTE)
    for at in range(START_S, START_S + 600):
        ring.add(sample(at, offset_ns=at - START_S))
        if at % 37 == 0:
            ring.flush()
    ring.flush()
    assert (tmp_path / "ring").stat().st_size <= MINUTE.slots * RECORD_SIZE
    starts = [record.start_s for record in Ring(tmp_path / "ring", MINUTE).records(START_S + 599)]
    assert starts == [START_S + 540 + 10 * i for i in range(6)]
    assert [record.count for record in ring.records(START_S + 599)] == [10] * 6


def test_a_restart_within_an_interval_loses_nothing(tmp_path: Path) -> None:
    for first in (0, 5):
        ring = Ring(tmp_path / "ring", MINUTE)
        for i in range(5):
            ring.add(sample(START_S + first + i, offset_ns=first + i, jitter_ns=7))
        ring.flush()
    [record] = Ring(tmp_path / "ring", MINUTE).records(START_S + 9)
    assert record.count == 10 and record.offset_ns == 4.5
    assert (record.offset_min_ns, record.offset_max_ns, record.jitter_ns) == (0, 9, 7)


def test_a_clock_that_goes_back_leaves_no_future_behind(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", MINUTE)
    ring.add(sample(START_S + 50))
    ring.add(sample(START_S + 10))
    assert [record.start_s for record in ring.records(START_S + 10)] == [START_S + 10]


@given(data=st.binary(max_size=RECORD_SIZE * 8))
def test_no_file_is_believed_that_was_not_written_by_us(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("ring") / "ring"
    path.write_bytes(data)
    assert Ring(path, MINUTE).records(START_S) == []
    path.write_bytes(data[: EVENTS_KEPT * 8])
    assert EventLog(path).newest() == []


@given(at=st.integers(0, RECORD_SIZE - 1), bit=st.integers(0, 7))
def test_a_torn_record_is_passed_over(at: int, bit: int) -> None:
    record = Record(START_S, 1.0, 0.0, 2.0, 3.0, 4.0, 5.0, 6.0, State.LOCKED, 9, 10)
    raw = bytearray(record.pack())
    assert Record.unpack(bytes(raw)) == record
    raw[at] ^= 1 << bit
    assert Record.unpack(bytes(raw)) is None
    assert Record.unpack(bytes(raw[:at])) is None


@given(number=st.integers(1, 2**63), utc=st.none() | st.integers(1, 2**62), state=st.sampled_from(State))
def test_events_are_read_back(number: int, utc: int | None, state: State) -> None:
    event = Event(number, utc, state, Reason.NO_FIX)
    assert Event.unpack(event.pack()) == event
    assert Event.unpack(event.pack()[:-1]) is None


def test_what_happened_before_the_time_was_known_is_dated_as_soon_as_it_is(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events")
    log.see(State.ACQUIRING, Reason.STARTING, None, 5 * NS_PER_S)
    log.see(State.ACQUIRING, Reason.NO_FIX, None, 8 * NS_PER_S)
    log.flush()
    assert not (tmp_path / "events").exists()
    assert [event.utc_ns for event in log.newest()] == [None, None]
    log.see(State.LOCKED, Reason.TRACKING, START_S * NS_PER_S, 100 * NS_PER_S)
    log.flush()
    found = EventLog(tmp_path / "events").newest()
    assert [event.utc_ns for event in found] == [s * NS_PER_S for s in (START_S, START_S - 92, START_S - 95)]
    assert [event.number for event in found] == [3, 2, 1]


def test_a_restart_is_no_change_and_the_oldest_give_way(tmp_path: Path) -> None:
    path = tmp_path / "events"
    for i in range(EVENTS_KEPT + 20):
        log = EventLog(path)
        for _ in range(3):
            log.see(State.LOCKED if i % 2 else State.HOLDOVER, Reason.TRACKING, (START_S + i) * NS_PER_S, i)
        log.flush()
    newest = EventLog(path).newest()
    assert len(newest) == EVENTS_KEPT and newest[0].number == EVENTS_KEPT + 20
    assert newest[0].utc_ns == (START_S + EVENTS_KEPT + 19) * NS_PER_S


def test_a_day_writes_the_data_partition_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = paths_below(tmp_path)
    history = History(paths)
    writes = []
    flush = Ring.flush

    def counted(ring: Ring) -> None:
        writes.append(ring.span.name)
        flush(ring)

    monkeypatch.setattr(Ring, "flush", counted)
    for at in range(0, 86_400, 10):
        history.see(State.LOCKED, Reason.TRACKING, sample(START_S + at), at * NS_PER_S)
    assert 24 <= writes.count("day") <= 75 and writes.count("month") == writes.count("day")
    assert sum(file.stat().st_size for file in paths.data.iterdir()) < 100_000


def test_every_span_is_full_after_its_length_and_lives_through_a_restart(tmp_path: Path) -> None:
    paths = paths_below(tmp_path)
    history = History(paths)
    for span in SPANS.values():
        ring = {"hour": history._hour, "day": history._day, "month": history._month}[span.name]
        for i in range(span.slots + 5):
            ring.add(sample(START_S // span.step_s * span.step_s + i * span.step_s, offset_ns=i))
    history.close()
    for span in SPANS.values():
        until = START_S // span.step_s * span.step_s + (span.slots + 4) * span.step_s
        records = History(paths).records(span.name, until)
        assert len(records) == span.slots and records[-1].offset_ns == span.slots + 4


def test_a_data_partition_that_cannot_be_written_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "ring"
    ring = Ring(path, MINUTE)
    ring.add(sample(START_S, offset_ns=3))
    with pytest.raises(OSError):
        ring.flush()
    path.parent.mkdir()
    ring.flush()
    assert Ring(path, MINUTE).records(START_S)[0].offset_ns == 3


@given(steps=st.lists(st.integers(-3000, 3000), max_size=40))
@rounds(max_examples=60, deadline=None)
def test_whatever_the_clock_does_records_are_in_order_and_within_the_span(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    ring = Ring(tmp_path_factory.mktemp("ring") / "ring", MINUTE)
    at = START_S
    for step in steps:
        at += step
        ring.add(sample(at, offset_ns=1))
        starts = [record.start_s for record in ring.records(at)]
        assert starts == sorted(set(starts))
        assert all(at - MINUTE.length_s < start <= at for start in starts)
        assert starts and starts[-1] == at // 10 * 10
