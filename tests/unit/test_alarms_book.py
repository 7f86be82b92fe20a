# SPDX-License-Identifier: MIT
"""What lasts is told once, what flaps does not hammer, and nothing is told twice or forgotten over a restart."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.alarms.book import Book, Event
from stratum1.alarms.message import Message, about, test
from stratum1.alarms.outbox import HOUR_S, LAST_RETRY_S, MOST, Outbox
from stratum1.words import Status
from stratum1.words.alarms import COOL_C, HOT_C, Alarm, alarms

test.__test__ = False  # type: ignore[attr-defined]  # it is what the button sends
WARNING = Alarm("time", "warning", "Pulse lost.", "Check the antenna.")
ALARM = Alarm("time", "alarm", "Time too uncertain.", "Bring the receiver back.")
OTHER = Alarm("process.gpsd", "warning", "gpsd: waiting.")


def play(book: Book, found: list[Alarm], seconds: range) -> list[tuple[int, str, str]]:
    return [(now, event.kind, event.alarm.level) for now in seconds for event in book.look(float(now), found)]


def test_a_condition_is_told_when_it_has_lasted_and_when_it_has_been_gone() -> None:
    book = Book(30, 120)
    assert play(book, [WARNING], range(100)) == [(30, "raised", "warning")]
    assert book.standing == [WARNING]
    assert play(book, [], range(100, 400)) == [(219, "cleared", "warning")]
    assert book.standing == [] and book.keys == frozenset()


def test_what_is_short_is_not_told() -> None:
    book = Book(30, 120)
    assert play(book, [WARNING], range(29)) == [] == play(book, [], range(29, 300))


def test_a_gap_shorter_than_the_wait_ends_nothing() -> None:
    book = Book(30, 120)
    assert play(book, [WARNING], range(40)) == [(30, "raised", "warning")]
    assert play(book, [], range(40, 150)) == [] == play(book, [WARNING], range(150, 200))


def test_getting_worse_is_told_and_getting_better_is_not() -> None:
    book = Book(30, 120)
    play(book, [WARNING], range(40))
    assert play(book, [ALARM], range(40, 100)) == [(70, "worse", "alarm")]
    assert play(book, [WARNING], range(100, 200)) == [] == play(book, [ALARM], range(200, 300))


def test_warnings_may_be_left_to_the_page() -> None:
    book = Book(30, 120, least="alarm")
    assert play(book, [WARNING], range(100)) == []
    assert play(book, [ALARM], range(100, 200)) == [(130, "raised", "alarm")]


def test_a_restart_neither_repeats_nor_forgets() -> None:
    book = Book(30, 120)
    play(book, [ALARM], range(50))
    again = Book(30, 120)
    again.restore(50.0, book.notes(50.0))
    assert play(again, [ALARM], range(50, 200)) == []
    assert play(again, [], range(200, 400)) == [(319, "cleared", "alarm")]


@pytest.mark.parametrize(
    "notes", [None, {}, [1], [{}], [{"key": 1, "level": "x", "headline": "", "advice": ""}], ["a"]]
)
def test_damaged_notes_are_passed_over(notes: object) -> None:
    book = Book(30, 120)
    book.restore(0.0, notes)
    assert book.keys == frozenset()


looks = st.lists(st.lists(st.sampled_from([WARNING, ALARM, OTHER]), max_size=2), max_size=150)


@given(looks=looks, raise_after=st.integers(0, 20), clear_after=st.integers(0, 20))
def test_each_key_is_raised_and_cleared_in_turn(looks: list[list[Alarm]], raise_after: int, clear_after: int) -> None:
    book, told = Book(raise_after, clear_after), dict.fromkeys(("time", "process.gpsd"), "cleared")
    for now, found in enumerate(looks):
        for event in book.look(float(now), found):
            before, told[event.alarm.key] = told[event.alarm.key], event.kind
            assert (event.kind == "raised") == (before == "cleared")
            assert event.lasted_s >= 0
    standing = {alarm.key for alarm in book.standing}
    assert standing == {key for key, kind in told.items() if kind != "cleared"}


@given(flaps=st.integers(1, 60), on=st.integers(1, 90), off=st.integers(1, 90))
@rounds(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_often_it_flaps_nobody_is_hammered(
    tmp_path_factory: pytest.TempPathFactory, flaps: int, on: int, off: int
) -> None:
    raise_after, clear_after, per_hour = 30, 60, 6
    book = Book(raise_after, clear_after)
    outbox = Outbox(tmp_path_factory.mktemp("box") / "waiting.json", per_hour)
    now, sent, events = 0.0, 0, 0
    for _ in range(flaps):
        for found, seconds in (([ALARM], on), ([], off)):
            for _ in range(seconds):
                now += 1
                for event in book.look(now, found):
                    events += 1
                    outbox.put(now, about(event, Status(), "clock"))
                while outbox.due(now) is not None:
                    outbox.done()
                    sent += 1
    assert events <= 2 * (now / (raise_after + clear_after) + 1)
    assert sent <= per_hour * (now // HOUR_S + 1)


# What waits


def letter(text: str = "Pulse lost.", left_out: int = 0) -> Message:
    event = Event("raised", Alarm("time", "warning", text), 31.0)
    return about(event, Status(), "clock").counting(left_out)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alarms-mail.json"


def test_what_could_not_be_sent_is_tried_again_with_patience_and_survives_a_restart(file: Path) -> None:
    outbox = Outbox(file, 20)
    outbox.put(0.0, letter())
    now, tries = 0.0, []
    for _ in range(12):
        while outbox.due(now) is None:
            now += 1
        tries.append(now)
        outbox.failed(now, "mail port 587: does not answer")
    waits = [b - a for a, b in itertools.pairwise(tries)]
    assert waits == sorted(waits) and waits[0] == 5 and waits[-1] == LAST_RETRY_S
    again = Outbox(file, 20)
    assert again.due(now) == letter() and len(again) == 1
    again.done()
    assert len(Outbox(file, 20)) == 0 and again.problem == ""


def test_beyond_the_rate_messages_are_counted_and_the_count_is_told(file: Path) -> None:
    outbox = Outbox(file, 2)
    for second in range(5):
        outbox.put(float(second), letter())
    assert len(outbox) == 2
    outbox.put(HOUR_S + 10, letter("Later."))
    outbox.done()
    outbox.done()
    last = outbox.due(HOUR_S + 10)
    assert last is not None and last.left_out == 3 and "3 earlier messages were left out" in last.body


def test_of_too_many_the_oldest_go_and_are_counted(file: Path) -> None:
    outbox = Outbox(file, 1000)
    for number in range(MOST + 7):
        outbox.put(0.0, letter(str(number)))
    first = outbox.due(0.0)
    assert first is not None and first.headline == "7" and first.left_out == 7 and len(outbox) == MOST


def test_a_machine_that_was_started_anew_has_an_empty_hour(file: Path) -> None:
    outbox = Outbox(file, 1)
    outbox.put(90_000.0, letter())
    again = Outbox(file, 1)
    again.put(5.0, letter("After a restart of the machine."))
    assert len(again) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"waiting": [{}], "taken": [], "left_out": 0}', b"\xff"])
def test_a_damaged_file_is_an_empty_one(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert len(Outbox(file, 20)) == 0


@given(content=st.dictionaries(st.sampled_from(sorted(letter().as_dict())), st.text() | st.integers()))
def test_only_whole_messages_are_read(content: dict[str, Any]) -> None:
    try:
        found = Message.from_dict({**letter().as_dict(), **content})
    except (TypeError, ValueError):
        return
    assert found.body and found.subject


# The conditions


def test_all_that_is_wrong_is_listed_for_everybody() -> None:
    status = Status(level="alarm", headline="Time too uncertain.", temperature_c=80.0, temperature="80.0 °C")
    children = {"gpsd": {"state": "waiting", "why": "no receiver"}, "wall": {"state": "off"}}
    found = alarms(status, children, "no IPv6 here")
    assert [alarm.key for alarm in found] == ["time", "process.gpsd", "traffic", "hot"]
    assert [alarm.level for alarm in found] == ["alarm", "warning", "warning", "warning"]
    assert alarms(Status(level="good"), {}) == ()


def test_what_is_hot_stays_hot_until_it_is_cool() -> None:
    between = Status(level="good", temperature_c=(HOT_C + COOL_C) / 2, temperature="72.5 °C")
    assert alarms(between, {}) == ()
    assert [alarm.key for alarm in alarms(between, {}, standing={"hot"})] == ["hot"]


def test_a_test_is_no_alarm_and_says_who_sends_it() -> None:
    assert test(Status(), "clock").subject == "clock: Test: Alarms of this box arrive here."
    assert "does not know the time" in test(Status(), "clock").body
