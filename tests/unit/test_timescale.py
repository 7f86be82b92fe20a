# SPDX-License-Identifier: MIT
"""Instants survive every conversion, in both NTP eras and past 32-bit time."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1 import timescale
from stratum1.timescale import NS_PER_S, from_ntp_timestamp, iso_utc, ntp_short, ntp_timestamp, parse_iso_utc

instants = st.integers(-(2**63) + 2**40, 2**63 - 2**40)
# Half an era less a second: what a pivot can tell apart (RFC 5905 section 6).
near = st.integers(-(2**31 - 2) * NS_PER_S, (2**31 - 2) * NS_PER_S)


def utc(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text + "+00:00")
    return round(moment.timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # RFC 5905 figure 4, seconds within the era
        ("1970-01-01T00:00:00", 2_208_988_800),
        ("1999-12-31T00:00:00", 3_155_587_200),
        ("2036-02-07T06:28:15", 0xFFFFFFFF),
        ("2036-02-07T06:28:16", 0),
        ("2036-02-07T06:28:17", 1),
        ("2038-01-19T03:14:07", 61_505_151),
        ("2038-01-20T00:00:00", 61_505_151 + 74_753),
    ],
)
def test_known_instants(text: str, seconds: int) -> None:
    assert ntp_timestamp(utc(text)) == seconds << 32


def test_era_1_begins_where_the_counter_wraps() -> None:
    assert ntp_timestamp(timescale.ERA_1_NS) == 0
    assert ntp_timestamp(timescale.ERA_1_NS - 1) >> 32 == 0xFFFFFFFF
    assert iso_utc(timescale.ERA_1_NS) == "2036-02-07T06:28:16Z"


def test_named_epochs() -> None:
    assert timescale.NTP_UNIX_OFFSET_S == 2_208_988_800
    assert iso_utc(timescale.GPS_EPOCH_NS) == "1980-01-06T00:00:00Z"
    assert iso_utc(timescale.GPS_EPOCH_NS + 3 * timescale.GPS_ROLLOVER_NS) == "2038-11-21T00:00:00Z"


@given(instants, near)
def test_a_timestamp_comes_back_in_the_era_of_the_pivot(ns: int, distance: int) -> None:
    pivot = max(-(2**63), min(2**63 - 1, ns + distance))
    assert from_ntp_timestamp(ntp_timestamp(ns), pivot) == ns


@given(instants)
def test_a_timestamp_is_rounded_down_by_less_than_its_last_bit(ns: int) -> None:
    exact = (ns + timescale.NTP_UNIX_OFFSET_S * NS_PER_S) << 32
    assert ntp_timestamp(ns) == (exact // NS_PER_S) % 2**64


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**61))
def test_any_stamp_lands_within_half_an_era_of_the_pivot(stamp: int, pivot: int) -> None:
    ns = from_ntp_timestamp(stamp, pivot)
    assert abs(ns - pivot) <= (2**31 + 1) * NS_PER_S


@pytest.mark.parametrize("server", ["2036-02-07T06:28:15", "2036-02-07T06:28:16", "2036-02-07T06:28:17"])
@pytest.mark.parametrize("client", ["2036-02-07T06:28:10", "2036-02-07T06:28:20"])
def test_the_two_eras_understand_each_other(server: str, client: str) -> None:
    assert from_ntp_timestamp(ntp_timestamp(utc(server)), utc(client)) == utc(server)


@given(st.integers(-(10**18), 10**18))
def test_a_short_is_rounded_up_and_saturates(ns: int) -> None:
    short = ntp_short(ns)
    if ns <= 0:
        assert short == 0
    elif short < 0xFFFFFFFF:
        assert (short - 1) * NS_PER_S < ns * 65536 <= short * NS_PER_S
    else:
        assert ns >= 65535 * NS_PER_S


def test_the_smallest_dispersion_is_not_zero() -> None:
    assert ntp_short(1) == 1


@given(instants)
def test_text_and_back(ns: int) -> None:
    assert parse_iso_utc(iso_utc(ns, 9)) == ns


@given(instants, st.integers(0, 9))
def test_decimals_are_cut_and_never_rounded_up(ns: int, digits: int) -> None:
    shown = parse_iso_utc(iso_utc(ns, digits))
    assert 0 <= ns - shown < 10 ** (9 - digits)


@given(instants)
def test_parts_of_a_second_are_positive(ns: int) -> None:
    seconds, fraction = timescale.split_ns(ns)
    assert 0 <= fraction < NS_PER_S
    assert seconds * NS_PER_S + fraction == ns


def test_a_leap_second_is_the_posix_second_after_it() -> None:
    assert parse_iso_utc("2016-12-31T23:59:60Z") == utc("2017-01-01T00:00:00")


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-22T12:49:36", "2026-11-22 12:49:36Z", "2026-13-01T00:00:00Z", "2026-11-22T12:49:36.-1Z", "nowZ"],
)
def test_what_is_no_time_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"want|bad"):
        parse_iso_utc(text)
