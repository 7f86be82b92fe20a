# SPDX-License-Identifier: MIT
"""No date of the past passes for today, and UTC counts as verified only on evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver.utc import ALMANAC_NS, RELEASED_NS, UtcWatch, resolve_date
from stratum1.timescale import GPS_ROLLOVER_NS, NS_PER_S, iso_utc, parse_iso_utc

DAY_NS = 86_400 * NS_PER_S


def resolved(text: str, known: str = "2026-11-01T00:00:00Z") -> tuple[str, int, bool]:
    dated = resolve_date(parse_iso_utc(text), parse_iso_utc(known))
    return iso_utc(dated.utc_ns), dated.rollovers, dated.plausible


def test_dates_of_known_receivers() -> None:
    assert resolved("2026-11-22T12:00:00Z") == ("2026-11-22T12:00:00Z", 0, True)
    # Rolled over once and twice.
    assert resolved("2007-04-08T12:00:00Z") == ("2026-11-22T12:00:00Z", 1, True)
    assert resolved("1987-08-23T12:00:00Z") == ("2026-11-22T12:00:00Z", 2, True)
    # What receivers without any idea of the date tell.
    assert resolved("1980-01-06T00:00:13Z")[2] is False
    assert resolved("2080-01-06T00:00:13Z")[2] is False
    # The broadcast week's own wrap, seen by a box that was on in the years before.
    assert resolved("2038-11-22T00:00:00Z", "2038-11-20T00:00:00Z") == ("2038-11-22T00:00:00Z", 0, True)
    assert resolved("2019-04-08T00:00:00Z", "2038-11-20T00:00:00Z") == ("2038-11-22T00:00:00Z", 1, True)


def test_a_replay_of_the_past_is_refused() -> None:
    assert resolved("2018-10-25T20:55:46Z") == ("2018-10-25T20:55:46Z", 0, False)


def test_the_release_date_is_a_date_on_which_this_release_existed() -> None:
    assert iso_utc(RELEASED_NS) >= "2026"


@given(st.integers(0, 7_258_118_400 * NS_PER_S), st.integers(RELEASED_NS, RELEASED_NS + 30 * 365 * DAY_NS))
def test_a_believed_date_is_never_before_what_is_known_and_differs_by_whole_rollovers(told: int, known: int) -> None:
    dated = resolve_date(told, known)
    assert dated.utc_ns - told == dated.rollovers * GPS_ROLLOVER_NS
    if dated.plausible:
        assert known - DAY_NS <= dated.utc_ns < known - DAY_NS + GPS_ROLLOVER_NS
    else:
        assert dated.rollovers == 0


@given(st.integers(0, 399), st.integers(1, 2))
def test_every_rollover_within_400_days_of_what_is_known_is_undone(days: int, rollovers: int) -> None:
    true = RELEASED_NS + days * DAY_NS
    dated = resolve_date(true - rollovers * GPS_ROLLOVER_NS)
    assert (dated.utc_ns, dated.rollovers, dated.plausible) == (true, rollovers, True)


@given(st.integers(0, 4 * 365), st.integers(1, 2), st.integers(17, 21))
def test_leap_seconds_of_our_time_vouch_for_a_rollover_within_five_years(days: int, rollovers: int, leap: int) -> None:
    true = RELEASED_NS + days * DAY_NS
    dated = resolve_date(true - rollovers * GPS_ROLLOVER_NS, leap_seconds=leap)
    assert (dated.utc_ns, dated.rollovers, dated.plausible) == (true, rollovers, True)


@given(st.integers(402, 10 * 365))
def test_beyond_that_a_date_that_would_need_a_rollover_is_refused(days: int) -> None:
    told = RELEASED_NS + days * DAY_NS - GPS_ROLLOVER_NS
    dated = resolve_date(told)
    assert (dated.utc_ns, dated.plausible) == (told, False)
    # Who says that more is past, as with receiver.not_before, is believed.
    assert resolve_date(told, RELEASED_NS + (days - 300) * DAY_NS).plausible


def watched(watch: UtcWatch, seconds: range, mode: int = 3) -> tuple[bool | None, int | None, int]:
    result: tuple[bool | None, int | None, int] = (None, None, 0)
    for second in seconds:
        result = watch.epoch(second * NS_PER_S, mode)
    return result


def test_a_dialect_that_tells_is_unverified_until_it_has_told_or_the_whole_almanac_has_passed() -> None:
    watch = UtcWatch()
    watch.tells()
    almanac_s = ALMANAC_NS // NS_PER_S
    assert watched(watch, range(almanac_s)) == (False, None, (almanac_s - 1) * NS_PER_S)
    assert watched(watch, range(almanac_s, almanac_s + 1))[0] is None
    watch.leap_seconds(18)
    assert watched(watch, range(almanac_s + 1, almanac_s + 2))[:2] == (True, 18)


def test_losing_the_fix_or_the_stream_begins_the_almanac_anew() -> None:
    for interrupt in (range(700, 701), range(0)):
        watch = UtcWatch()
        watch.tells()
        watched(watch, range(700))
        watched(watch, interrupt, mode=1)
        assert watched(watch, range(710, 800))[0] is False


def test_a_silent_dialect_that_was_heard_starting_cold_waits_for_the_whole_almanac() -> None:
    watch = UtcWatch()
    watched(watch, range(30), mode=1)
    assert watched(watch, range(30, 31))[0] is False
    assert watched(watch, range(31, 700))[0] is False
    watch.reconnected()
    assert watched(watch, range(700, 779))[0] is False
    assert watched(watch, range(779, 790))[0] is None
    # And it stays known: losing the fix is no loss of memory.
    watched(watch, range(790, 900), mode=1)
    assert watched(watch, range(900, 902))[0] is None


def test_a_silent_dialect_that_has_its_fix_at_once_had_kept_its_memory() -> None:
    watch = UtcWatch()
    watched(watch, range(5), mode=1)
    assert watched(watch, range(5, 6))[0] is None


def test_what_a_receiver_said_over_another_connection_verifies_nothing() -> None:
    watch = UtcWatch()
    watch.leap_seconds(18)
    watch.reconnected()
    watch.tells()
    assert watch.epoch(0, 3)[0] is False


def test_another_receiver_has_to_tell_for_itself() -> None:
    watch = UtcWatch()
    watch.leap_seconds(18)
    assert watch.epoch(0, 3)[0] is True
    watch.restart()
    assert watch.epoch(NS_PER_S, 3)[:2] == (None, None)


def test_a_receiver_that_denies_its_leap_seconds_is_believed_before_all_else() -> None:
    watch = UtcWatch()
    watch.leap_seconds(None)
    watch.resolved(True)
    assert watched(watch, range(2))[0] is False
    assert watched(watch, range(2, 1000))[0] is False


def test_absurd_leap_seconds_verify_nothing() -> None:
    watch = UtcWatch()
    watch.leap_seconds(99)
    assert watch.epoch(0, 3)[:2] == (False, None)
