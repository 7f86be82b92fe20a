# SPDX-License-Identifier: MIT
"""What is known of leap seconds: tables say until when, sources that contradict each other say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_timekeeper_loop import DAY, SECOND, START, Bench

from stratum1.receiver.events import LeapNotice
from stratum1.timekeeper.leaps import LeapKnowledge, LeapTable, load, parse
from stratum1.timescale import parse_iso_utc
from stratum1.tracking import Leap, Reason, State

NEW_YEAR = parse_iso_utc("2027-01-01T00:00:00Z")
EVE = NEW_YEAR - DAY // 2
SUMMER = parse_iso_utc("2027-06-28T00:00:00Z")
NOTHING = LeapNotice(Leap.NONE)

LIST = """#	In the list's own words
#$	 3945196800
#@	4023129600
3692217600	37	# 1 Jan 2017
4007750400	38	# 1 Jan 2027
#h	49db2447 571e5e1b 2f002a53 9c8da8e4 39b8e49e
"""
TZDATA = """# Leap	YEAR	MONTH	DAY	HH:MM:SS	CORR	R/S
Leap	2016	Dec	31	23:59:60	+	S
Leap	2026	Dec	31	23:59:60	+	S
#Expires 2027	Jun	28	00:00:00
#expires 1814140800 (2027-06-28 00:00:00 UTC)
"""


@pytest.mark.parametrize("text", [LIST, TZDATA], ids=["leap-seconds.list", "leapseconds"])
def test_a_table_tells_the_leap_to_come_and_until_when_there_is_no_other(text: str) -> None:
    assert parse(text) == LeapTable(SUMMER, ((NEW_YEAR, Leap.INSERT),))


def test_a_second_left_out_is_understood() -> None:
    assert parse(LIST.replace("\t38", "\t36")).next(EVE) == LeapNotice(Leap.DELETE, NEW_YEAR)
    assert parse(TZDATA.replace("Leap\t2026\tDec\t31\t23:59:60\t+", "Leap\t2026\tDec\t31\t23:59:59\t-")).next(
        EVE
    ) == LeapNotice(Leap.DELETE, NEW_YEAR)


def test_a_table_without_an_end_knows_nothing() -> None:
    assert parse(LIST.replace("#@", "#")).next(EVE) == NOTHING
    assert LeapKnowledge(parse(LIST.replace("#@", "#"))).now(EVE) == NOTHING


def test_of_two_tables_the_one_that_is_good_for_longer_counts(tmp_path: Path) -> None:
    assert load(tmp_path) == LeapTable()
    (tmp_path / "leapseconds").write_text(TZDATA)
    (tmp_path / "leap-seconds.list").write_text(LIST.replace("4023129600", "4000000000"))
    assert load(tmp_path).known_until_ns == SUMMER
    (tmp_path / "leapseconds").write_text(TZDATA.replace("Dec", "Decem"))
    assert load(tmp_path).known_until_ns == parse_iso_utc("2026-10-03T07:06:40Z")
    (tmp_path / "leap-seconds.list").write_bytes(b"Leap soon\n")
    assert load(tmp_path) == LeapTable()


@given(st.text(alphabet="#@Leap0123456789 \t\n+-JanDec:", max_size=200))
def test_no_text_is_more_than_a_bad_table(text: str) -> None:
    try:
        table = parse(text)
    except (ValueError, OverflowError):
        return
    LeapKnowledge(table).now(EVE)


def test_the_receivers_word_and_a_table_that_agree() -> None:
    knowledge = LeapKnowledge(parse(LIST))
    assert knowledge.now(EVE) == LeapNotice(Leap.INSERT, NEW_YEAR, SUMMER)
    knowledge.notice = LeapNotice(Leap.INSERT, NEW_YEAR)
    assert knowledge.now(EVE) == LeapNotice(Leap.INSERT, NEW_YEAR, SUMMER)
    assert knowledge.now(NEW_YEAR).known_until_ns == SUMMER


@pytest.mark.parametrize(
    ("table", "notice"),
    [
        (parse(LIST), LeapNotice(Leap.NONE, 0, NEW_YEAR + DAY)),
        (parse(LIST), LeapNotice(Leap.DELETE, NEW_YEAR)),
        (LeapTable(SUMMER), LeapNotice(Leap.INSERT, NEW_YEAR)),
    ],
    ids=["the receiver knows of none", "of another one", "the table knows of none"],
)
def test_where_they_contradict_each_other_nothing_is_known(table: LeapTable, notice: LeapNotice) -> None:
    knowledge = LeapKnowledge(table)
    knowledge.notice = notice
    assert knowledge.now(EVE) == NOTHING


def test_what_the_kernel_was_told_counts_until_its_day_ends_and_only_where_a_month_does() -> None:
    knowledge = LeapKnowledge()
    knowledge.order(Leap.INSERT, EVE - DAY)
    assert knowledge.now(EVE - DAY) == NOTHING
    knowledge.order(Leap.INSERT, EVE)
    knowledge.order(Leap.NONE, EVE + SECOND)
    assert knowledge.now(EVE + SECOND) == LeapNotice(Leap.INSERT, NEW_YEAR)
    assert knowledge.now(NEW_YEAR) == NOTHING


# In the timekeeper, which here begins on 2027-01-15 and is taken to the end of March

SPRING = parse_iso_utc("2027-04-01T00:00:00Z")


def across(leaps: LeapKnowledge, ordered: int = 0, labels: str = "system") -> Bench:
    bench = Bench(leaps=leaps, labels=labels)
    bench.run(60)
    bench.clock.true = SPRING - START - 120 * SECOND
    bench.clock.ordered = ordered
    bench.run(1)
    bench.clock.ordered = 0
    bench.run(60)
    assert bench.pages[-1].state is State.LOCKED
    bench.pages.clear()
    bench.run(120)
    return bench


def test_where_the_system_clock_names_the_seconds_a_table_bridges_the_instant() -> None:
    bench = across(LeapKnowledge(LeapTable(SPRING + 1)))
    assert {page.state for page in bench.pages} == {State.LOCKED}
    bench = across(LeapKnowledge(LeapTable(SPRING)))
    assert Reason.LEAP_UNKNOWN in {page.reason for page in bench.pages}
    assert bench.pages[-1].state is State.LOCKED


def test_where_the_system_clock_names_the_seconds_its_kernels_order_is_a_leap() -> None:
    bench = across(LeapKnowledge(), ordered=1)
    assert {page.state for page in bench.pages} == {State.LOCKED}
    assert bench.clock.leaps == 1
    assert bench.clock.ahead_ns + bench.pages[-1].correction_ns == pytest.approx(-SECOND, abs=1000)
