# SPDX-License-Identifier: MIT
"""What gpsd reports becomes the right epochs, once each, and nothing that it could report breaks the reader."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stratum1.receiver.events import Device, Epoch, Event, Gone, Sky, Stamp
from stratum1.receiver.reports import Interpreter
from stratum1.timescale import NS_PER_MS, NS_PER_S, iso_utc, parse_iso_utc
from stratum1.tracking import Reason

NOON = parse_iso_utc("2026-12-01T12:00:00Z")


def told(interpreter: Interpreter, report: dict[str, Any], now_ns: int = NOON) -> list[Event]:
    return interpreter.line(json.dumps(report).encode(), now_ns)


def tpv(utc_ns: int, written_ns: int, **more: Any) -> dict[str, Any]:
    # The decimals as gpsd writes them, all nine: json.dumps of a float would lose some.
    report = {"class": "TPV", "device": "/dev/gps0", "mode": 3, "time": iso_utc(utc_ns, 3), **more}
    return report | {"rtime": Seconds(written_ns)} if written_ns else report


class Seconds(float):
    """A number that is written with nanoseconds."""

    def __new__(cls, ns: int) -> Seconds:
        self = super().__new__(cls, ns / 1e9)
        self.ns = ns
        return self

    def __repr__(self) -> str:
        return f"{self.ns // NS_PER_S}.{self.ns % NS_PER_S:09d}"

    ns: int


def line_of(report: dict[str, Any]) -> bytes:
    parts = [
        f"{json.dumps(k)}:{v!r}" if isinstance(v, Seconds) else f"{json.dumps(k)}:{json.dumps(v)}"
        for k, v in report.items()
    ]
    return ("{" + ",".join(parts) + "}").encode()


def only_epoch(events: list[Event]) -> Epoch:
    (event,) = events
    assert isinstance(event, Epoch)
    return event


def test_arrival_is_the_first_byte_to_the_nanosecond_where_gpsd_saw_it() -> None:
    first = NOON + 123_456_789
    report = tpv(NOON, NOON + 400 * NS_PER_MS, sor=Seconds(first))
    epoch = only_epoch(Interpreter().line(line_of(report), 0))
    assert (epoch.utc_ns, epoch.arrival_ns, epoch.stamp) == (NOON, first, Stamp.FIRST_BYTE)


def test_a_start_of_burst_that_gpsd_left_standing_is_no_arrival() -> None:
    written = NOON + 400 * NS_PER_MS
    for old in (0, NOON - 700 * NS_PER_MS, written + 1):
        epoch = only_epoch(Interpreter().line(line_of(tpv(NOON, written, sor=Seconds(old))), 0))
        assert (epoch.arrival_ns, epoch.stamp) == (written, Stamp.REPORT)


def test_at_ten_epochs_a_second_the_start_of_an_older_burst_is_no_arrival() -> None:
    interpreter = Interpreter()
    start = NOON + 30 * NS_PER_MS
    for tenth in range(5):
        utc = NOON + tenth * 100 * NS_PER_MS
        epoch = only_epoch(interpreter.line(line_of(tpv(utc, utc + 60 * NS_PER_MS, sor=Seconds(start))), 0))
    assert (epoch.arrival_ns, epoch.stamp) == (utc + 60 * NS_PER_MS, Stamp.REPORT)


def test_toff_of_the_same_second_tells_the_arrival_and_of_another_does_not() -> None:
    for real_s, arrival in ((NOON // NS_PER_S, NOON + 150 * NS_PER_MS), (NOON // NS_PER_S - 1, NOON + 400 * NS_PER_MS)):
        interpreter = Interpreter()
        toff = {"class": "TOFF", "real_sec": real_s, "real_nsec": 0}
        toff |= {"clock_sec": NOON // NS_PER_S, "clock_nsec": 150 * NS_PER_MS}
        assert told(interpreter, toff) == []
        assert only_epoch(interpreter.line(line_of(tpv(NOON, NOON + 400 * NS_PER_MS)), 0)).arrival_ns == arrival


def test_without_any_time_of_gpsd_the_reading_of_the_line_counts() -> None:
    assert only_epoch(told(Interpreter(), tpv(NOON, 0), now_ns=NOON + 5)).arrival_ns == NOON + 5


def test_an_epoch_is_told_once_and_again_only_when_its_fix_changes() -> None:
    interpreter = Interpreter()
    first = only_epoch(told(interpreter, tpv(NOON, 0, mode=2), NOON + 200 * NS_PER_MS))
    assert told(interpreter, tpv(NOON, 0, mode=2), NOON + 250 * NS_PER_MS) == []
    again = only_epoch(told(interpreter, tpv(NOON, 0, mode=3), NOON + 300 * NS_PER_MS))
    assert (again.utc_ns, again.arrival_ns, again.fix_mode) == (first.utc_ns, first.arrival_ns, 3)


def test_a_second_told_twice_a_second_apart_is_two_epochs() -> None:
    """A leap second, which POSIX counts twice, or a stuck receiver: either must show."""
    interpreter = Interpreter()
    assert told(interpreter, tpv(NOON, 0), NOON + 200 * NS_PER_MS)
    assert told(interpreter, tpv(NOON, 0), NOON + 1200 * NS_PER_MS)


def test_ten_epochs_a_second_keep_their_fractions() -> None:
    interpreter = Interpreter()
    times = [NOON + i * 100 * NS_PER_MS for i in range(20)]
    assert [only_epoch(told(interpreter, tpv(t, 0), t + 40 * NS_PER_MS)).utc_ns for t in times] == times


def test_the_receiver_clock_error_in_the_milliseconds_is_taken_out() -> None:
    assert only_epoch(told(Interpreter(), tpv(NOON + NS_PER_MS, 0))).utc_ns == NOON
    assert only_epoch(told(Interpreter(), tpv(NOON - NS_PER_MS, 0))).utc_ns == NOON


def test_a_leap_second_is_the_posix_second_that_follows() -> None:
    report = tpv(NOON, 0) | {"time": "2026-12-31T23:59:60.000Z"}
    assert only_epoch(told(Interpreter(), report)).utc_ns == parse_iso_utc("2027-01-01T00:00:00Z")


def test_era_and_2038_pass_through() -> None:
    for text in ("2036-02-07T06:28:15Z", "2036-02-07T06:28:16Z", "2038-01-19T03:14:08Z", "2038-01-20T00:00:00Z"):
        epoch = only_epoch(told(Interpreter(), tpv(parse_iso_utc(text), 0)))
        assert (epoch.utc_ns, epoch.date_plausible) == (parse_iso_utc(text), True)


def test_a_rolled_over_date_is_corrected_and_said() -> None:
    epoch = only_epoch(told(Interpreter(), tpv(parse_iso_utc("2007-04-18T12:00:00Z"), 0)))
    assert (iso_utc(epoch.utc_ns), epoch.rollovers, epoch.date_plausible) == ("2026-12-02T12:00:00Z", 1, True)


def test_no_fix_and_no_time_is_said() -> None:
    assert told(Interpreter(), {"class": "TPV", "mode": 1}) == [Gone(Reason.NO_FIX, "the receiver tells no time")]


def test_utc_is_unverified_until_a_receiver_that_can_say_so_has_the_leap_seconds() -> None:
    interpreter = Interpreter()
    told(interpreter, {"class": "DEVICE", "path": "/dev/gps0", "driver": "u-blox", "activated": "2026-12-01T00:00:00Z"})
    assert only_epoch(told(interpreter, tpv(NOON, 0), NOON)).utc_valid is False
    later = NOON + NS_PER_S
    epoch = only_epoch(told(interpreter, tpv(later, 0, leapseconds=18), later))
    assert (epoch.utc_valid, epoch.leap_seconds) == (True, 18)


def test_plain_nmea_cannot_tell_whether_utc_is_valid() -> None:
    interpreter = Interpreter()
    told(
        interpreter, {"class": "DEVICE", "path": "/dev/gps0", "driver": "NMEA0183", "activated": "2026-12-01T00:00:00Z"}
    )
    assert only_epoch(told(interpreter, tpv(NOON, 0))).utc_valid is None


def test_devices_come_and_go_once() -> None:
    interpreter = Interpreter()
    assert told(interpreter, {"class": "DEVICES", "devices": []}) == [Gone(Reason.NO_RECEIVER, "gpsd has no receiver")]
    found = {
        "class": "DEVICE",
        "path": "/dev/ttyAMA0",
        "driver": "u-blox",
        "bps": 38400,
        "activated": "2026-12-01T00:00:00Z",
    }
    found |= {
        "subtype": "SW ROM SPG 5.10 (7b202e),HW 000A0000",
        "subtype1": "FWVER=SPG 5.10,PROTVER=34.10,GPS;GLO;GAL;BDS",
    }
    assert told(interpreter, found) == [Device("u-blox M10", "/dev/ttyAMA0", "u-blox", 38400)]
    assert told(interpreter, found) == []
    (gone,) = told(interpreter, {"class": "DEVICE", "path": "/dev/ttyAMA0", "activated": 0})
    assert isinstance(gone, Gone)
    assert gone.reason == Reason.NO_RECEIVER


def test_satellites_are_counted_from_the_list_and_told_when_they_change() -> None:
    interpreter = Interpreter()
    sky = {
        "class": "SKY",
        "satellites": [{"PRN": 1, "used": True}, {"PRN": 2, "used": False}, {"PRN": 3, "used": True}],
    }
    assert told(interpreter, sky) == [Sky(used=2, seen=3)]
    assert told(interpreter, sky) == []
    assert told(interpreter, {"class": "SKY", "hdop": 1.0}) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(
    [
        *("class", "device", "mode", "time", "rtime", "sor", "leapseconds", "real_sec", "real_nsec", "clock_sec"),
        *("clock_nsec", "satellites", "uSat", "nSat", "devices", "path", "activated", "driver", "subtype", "bps"),
    ]
)
classes = st.sampled_from(["TPV", "TOFF", "SKY", "DEVICE", "DEVICES", "WATCH", "ERROR", "POLL"])


@given(st.lists(st.tuples(classes, st.dictionaries(keys, json_values, max_size=8)), max_size=6))
@settings(deadline=None)
def test_no_report_of_any_shape_makes_it_raise(reports: list[tuple[str, dict[str, Any]]]) -> None:
    interpreter = Interpreter()
    for class_, report in reports:
        for event in told(interpreter, {**report, "class": class_}):
            if isinstance(event, Epoch):
                assert 0 < event.utc_ns < 1 << 63
                assert event.fix_mode in range(4)


@given(st.binary(max_size=200).map(lambda b: b"{" + b) | st.integers(1, 30_000).map(lambda n: b"{" + b"[" * n))
@settings(deadline=None)
def test_no_line_makes_it_raise(line: bytes) -> None:
    assert Interpreter().line(line, NOON) == []
