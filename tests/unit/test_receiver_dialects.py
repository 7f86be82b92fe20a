# SPDX-License-Identifier: MIT
"""What gpsd leaves out is read from what it repeats: validity, leaps to come, antenna, jamming, model."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver import dialects
from stratum1.receiver.events import (
    Device,
    Epoch,
    Event,
    Hardware,
    LeapNotice,
    Sawtooth,
    Surveying,
    Suspicion,
)
from stratum1.receiver.reports import Interpreter
from stratum1.timescale import NS_PER_S, iso_utc, parse_iso_utc
from stratum1.tracking import Antenna, Jamming, Leap, Survey

EVE = parse_iso_utc("2026-12-31T12:00:00Z")


def ubx(class_: int, id_: int, payload: bytes) -> bytes:
    """A frame as gpsd repeats it."""
    body = struct.pack("<BBH", class_, id_, len(payload)) + payload
    a = b = 0
    for byte in body:
        a = (a + byte) & 255
        b = (b + a) & 255
    return (b"\xb5\x62" + body + bytes([a, b])).hex().encode() + b"\r"


def timegps(leap: int, valid: int) -> bytes:
    return ubx(0x01, 0x20, struct.pack("<IihbBI", 0, 0, 2400, leap, valid, 10))


def timels(change: int, left: int, valid: int = 3, change_source: int = 2) -> bytes:
    return ubx(0x01, 0x26, struct.pack("<IB3xBbBbiHH3xB", 0, 0, 2, 18, change_source, change, left, 0, 0, valid))


def pvt(valid: int) -> bytes:
    return ubx(0x01, 0x07, struct.pack("<IHBBBBBB", 0, 2026, 12, 31, 12, 0, 0, valid) + bytes(80))


def mon_hw(state: int, jamming: int) -> bytes:
    return ubx(0x0A, 0x09, bytes(20) + bytes([state]) + bytes(24) + bytes([jamming]) + bytes(14))


def mon_rf(*bands: tuple[int, int]) -> bytes:
    blocks = b"".join(bytes([0, 0, state]) + bytes(13) + bytes([jamming]) + bytes(7) for state, jamming in bands)
    return ubx(0x0A, 0x38, bytes([0, len(bands), 0, 0]) + blocks)


def ublox(now: str = "2026-12-31T12:00:00.000Z") -> Interpreter:
    interpreter = Interpreter()
    interpreter.line(b'{"class":"DEVICE","path":"/dev/gps0","driver":"u-blox","activated":"x"}', EVE)
    epoch(interpreter, now)
    return interpreter


def epoch(interpreter: Interpreter, time: str, leapseconds: str = "") -> Epoch:
    line = f'{{"class":"TPV","device":"/dev/gps0","mode":3,"time":"{time}"{leapseconds}}}'
    (event,) = interpreter.line(line.encode(), parse_iso_utc(time))
    assert isinstance(event, Epoch)
    return event


def test_leap_seconds_count_only_with_their_validity_bit() -> None:
    interpreter = ublox()
    interpreter.line(timegps(18, valid=3), EVE)
    assert epoch(interpreter, "2026-12-31T12:00:01.000Z").utc_valid is False
    interpreter.line(timegps(18, valid=7), EVE)
    told = epoch(interpreter, "2026-12-31T12:00:02.000Z")
    assert (told.utc_valid, told.leap_seconds) == (True, 18)


def test_what_gpsd_remembers_of_another_receiver_verifies_nothing() -> None:
    interpreter = ublox()
    interpreter.line(timegps(18, valid=3), EVE)
    assert epoch(interpreter, "2026-12-31T12:00:01.000Z", ',"leapseconds":18').utc_valid is False


def test_a_time_that_the_receiver_does_not_vouch_for_is_not_valid() -> None:
    interpreter = ublox()
    interpreter.line(timegps(18, valid=7), EVE)
    interpreter.line(pvt(valid=3), EVE)
    assert epoch(interpreter, "2026-12-31T12:00:01.000Z").utc_valid is False
    interpreter.line(pvt(valid=7), EVE)
    assert epoch(interpreter, "2026-12-31T12:00:02.000Z").utc_valid is True


def notices(interpreter: Interpreter, *lines: bytes) -> list[Event]:
    return [event for line in lines for event in interpreter.line(line, EVE)]


def test_a_leap_to_come_is_told_once_with_its_instant() -> None:
    (notice,) = notices(ublox(), timels(+1, 12 * 3600), timels(+1, 12 * 3600))
    assert isinstance(notice, LeapNotice)
    assert (notice.leap, iso_utc(notice.at_ns)) == (Leap.INSERT, "2027-01-01T00:00:00Z")
    (notice,) = notices(ublox(), timels(-1, 12 * 3600 - 1))
    assert isinstance(notice, LeapNotice)
    assert (notice.leap, iso_utc(notice.at_ns)) == (Leap.DELETE, "2027-01-01T00:00:00Z")


def test_no_leap_is_said_too_and_takes_an_announcement_back() -> None:
    told = notices(ublox(), timels(+1, 12 * 3600), timels(0, 0))
    assert told[1:] == [LeapNotice(Leap.NONE)]
    # The last leap, ten years ago.
    assert notices(ublox(), timels(+1, -315_000_000)) == [LeapNotice(Leap.NONE)]


def test_that_there_is_none_is_known_once_the_satellites_have_sent_all_they_know() -> None:
    """A receiver may have kept its leap data from before it was switched off."""
    interpreter = ublox()
    told: dict[int, Event] = {}
    for second in range(1, 760):
        now = EVE + second * NS_PER_S
        epoch(interpreter, iso_utc(now))
        for event in notices(interpreter, timels(0, 0)):
            told[second] = event
    first, then = told.items()
    assert first == (1, LeapNotice(Leap.NONE))
    assert then == (750, LeapNotice(Leap.NONE, 0, parse_iso_utc("2027-01-07T00:00:00Z")))
    (notice,) = notices(interpreter, timels(+1, 12 * 3600 - 759))
    assert isinstance(notice, LeapNotice)
    assert iso_utc(notice.known_until_ns) == "2027-01-07T00:00:00Z"


@pytest.mark.parametrize(
    "line",
    [
        timels(+1, 12 * 3600, valid=1),
        timels(+1, 12 * 3600, change_source=0),
        timels(+1, 6 * 3600),
        timels(+5, 12 * 3600),
        timels(+1, 12 * 3600 + 15 * 86_400),
    ],
    ids=["no validity bit", "from nowhere", "at six in the evening", "five seconds", "in the middle of a month"],
)
def test_a_leap_that_cannot_be_is_not_told(line: bytes) -> None:
    assert notices(ublox(), line) == []


def test_antenna_and_jamming() -> None:
    interpreter = ublox()
    assert notices(interpreter, mon_hw(2, 5), mon_hw(2, 5)) == [Hardware(Antenna.OK, 5)]
    assert notices(interpreter, mon_hw(4, 5)) == [Hardware(Antenna.OPEN, 5)]
    # Of two bands the worse one counts.
    assert notices(interpreter, mon_rf((2, 9), (3, 140))) == [Hardware(Antenna.SHORT, 140)]
    assert notices(interpreter, b"$GNTXT,01,01,02,ANTSTATUS=OPEN*56\r") == [Hardware(Antenna.OPEN)]
    assert notices(interpreter, b"$GPTXT,01,01,01,ANTENNA SHORT*63\r") == [Hardware(Antenna.SHORT)]
    assert notices(interpreter, b"$PGTOP,11,3*6F\r") == [Hardware(Antenna.OK)]
    assert notices(interpreter, b"$GNTXT,01,01,02,u-blox AG - www.u-blox.com*4E\r") == []


def test_a_receiver_that_tells_its_model_in_a_sentence_gets_its_name() -> None:
    interpreter = Interpreter()
    interpreter.line(b'{"class":"DEVICE","path":"/dev/gps0","driver":"NMEA0183","activated":"x"}', EVE)
    (device,) = notices(interpreter, b"$PMTK705,AXN_2.31_3339_13101700,5632,PA6H,1.0*6B\r")
    assert isinstance(device, Device)
    assert device.name == "MediaTek MT3339 (PA6H)"
    (device,) = notices(interpreter, b"$PMTK705,AXN_2.51_3339_19071200,0002,QUECTEL-L70,1.0*32\r")
    assert isinstance(device, Device)
    assert device.name == "Quectel L70"


def test_a_ublox_that_tells_its_version_gets_its_name() -> None:
    fields = [b"EXT CORE 3.01 (111141)".ljust(30, b"\0"), b"00080000\0\0"]
    fields += [text.ljust(30, b"\0") for text in (b"FWVER=TIM 1.10", b"PROTVER=22.00", b"MOD=NEO-M8T-0")]
    (device,) = notices(ublox(), ubx(0x0A, 0x04, b"".join(fields)))
    assert isinstance(device, Device)
    assert device.name == "u-blox NEO-M8T"


frames = st.builds(
    lambda head, body: b"b562" + head + body,
    st.sampled_from([b"0107", b"0120", b"0121", b"0126", b"0a04", b"0a09", b"0a38"]),
    st.binary(max_size=120).map(lambda b: b.hex().encode()) | st.binary(max_size=40),
)
sentences = st.builds(
    lambda head, body: head + body,
    st.sampled_from([b"$PMTK705", b"$PGTOP,11,", b"$PCD,", b"$PQVERNO,", b"$GPTXT,", b"$"]),
    st.binary(max_size=80),
)


@given(st.lists(frames | sentences | st.binary(max_size=60), max_size=8))
def test_no_line_makes_it_raise_or_grow(lines: list[bytes]) -> None:
    interpreter = ublox()
    for line in lines * 30:
        interpreter.line(line, EVE)
    assert len(interpreter._words) <= 500


@given(st.sampled_from([timegps(18, 7), timels(1, 43_200), pvt(7), mon_hw(2, 1), mon_rf((2, 1))]), st.integers(0, 200))
def test_a_frame_cut_short_tells_nothing(line: bytes, cut: int) -> None:
    whole = dialects.facts(line)
    assert whole is not None
    assert dialects.facts(line[: min(cut, len(line) - 6)]) == ()


# Survey, jamming, forged signals, the pulse's own error


def tim_tp(week_ms: int, early_ps: int, flags: int = 3) -> bytes:
    return ubx(0x0D, 0x01, struct.pack("<IIiHBB", week_ms, 0, early_ps, 2400, flags, 0))


def week_ms(time: str, leap: int = 0) -> int:
    return (parse_iso_utc(time) // 10**6 - 315_964_800_000 + leap * 1000) % 604_800_000


def test_the_error_of_a_pulse_is_told_of_the_second_that_it_begins() -> None:
    interpreter = ublox()
    (told,) = interpreter.line(tim_tp(week_ms("2026-12-31T12:00:01Z"), -7_123), EVE)
    assert told == Sawtooth(EVE + 10**9, -7_123)
    # By GPS time it takes the leap seconds to know which.
    by_gps = tim_tp(week_ms("2026-12-31T12:00:01Z", leap=18), 9_000, flags=0)
    assert interpreter.line(by_gps, EVE) == []
    interpreter.line(timegps(18, valid=7), EVE)
    epoch(interpreter, "2026-12-31T12:00:01.000Z")
    assert interpreter.line(by_gps, EVE) == [Sawtooth(EVE + 10**9, 9_000)]


def test_the_pulse_after_the_turn_of_the_week_is_the_next_one() -> None:
    saturday = "2027-01-02T23:59:59.000Z"
    interpreter = ublox(saturday)
    (told,) = interpreter.line(tim_tp(0, 5_000), EVE)
    assert told == Sawtooth(parse_iso_utc("2027-01-03T00:00:00Z"), 5_000)


@pytest.mark.parametrize(
    "frame",
    [
        tim_tp(week_ms("2026-12-31T12:00:01Z"), 5_000, flags=3 | 16),  # the receiver says that it does not know
        tim_tp(week_ms("2026-12-31T12:00:01Z"), 2_000_000),  # no clock is that slow
        tim_tp(week_ms("2026-12-31T12:05:01Z"), 5_000),  # of another time
        tim_tp(604_800_000, 5_000),
    ],
)
def test_an_error_that_makes_no_sense_is_not_passed_on(frame: bytes) -> None:
    assert ublox().line(frame, EVE) == []


def svin(seconds: int, tenths_mm: int, valid: int, active: int) -> bytes:
    payload = bytes(8) + struct.pack("<I", seconds) + bytes(16) + struct.pack("<II", tenths_mm, seconds)
    return ubx(0x01, 0x3B, payload + bytes([valid, active, 0, 0]))


def tim_svin(seconds: int, variance_mm2: int, valid: int, active: int) -> bytes:
    payload = struct.pack("<I12xII", seconds, variance_mm2, seconds) + bytes([valid, active, 0, 0])
    return ubx(0x0D, 0x04, payload)


def test_the_survey_is_followed_on_both_generations() -> None:
    for frames in (
        (svin(12, 45_670, 0, 1), svin(300, 20_000, 1, 0), svin(0, 0, 0, 0)),
        (tim_svin(12, 4567**2, 0, 1), tim_svin(300, 2000**2, 1, 0), tim_svin(0, 0, 0, 0)),
    ):
        interpreter = ublox()
        assert interpreter.line(frames[0], EVE) == [Surveying(Survey.RUNNING, 12, 4567)]
        assert interpreter.line(frames[0], EVE) == []
        assert interpreter.line(frames[1], EVE) == [Surveying(Survey.DONE, 300, 2000)]
        assert interpreter.line(frames[2], EVE) == [Surveying(Survey.UNKNOWN, 0, 0)]


def test_the_receivers_own_verdict_on_jamming_is_told() -> None:
    hardware = bytes(20) + bytes([2, 1, 3 << 2]) + bytes(22) + bytes([200]) + bytes(14)
    (told,) = ublox().line(ubx(0x0A, 0x09, hardware), EVE)
    assert told == Hardware(Antenna.OK, 200, Jamming.CRITICAL)
    bands = bytes([0, 1, 2]) + bytes(13) + bytes([7]) + bytes(7) + bytes([1, 2, 2]) + bytes(13) + bytes([90]) + bytes(7)
    (told,) = ublox().line(ubx(0x0A, 0x38, bytes([0, 2, 0, 0]) + bands), EVE)
    assert told == Hardware(Antenna.OK, 90, Jamming.WARNING)


@pytest.mark.parametrize(("state", "suspected"), [(0, None), (1, False), (2, True), (3, True)])
def test_the_receivers_opinion_on_forged_signals_is_told_each_time(state: int, suspected: bool | None) -> None:
    interpreter = ublox()
    frame = ubx(0x01, 0x03, bytes([0, 0, 0, 0, 3, 13, 0, state << 3]) + bytes(8))
    for _ in range(2):
        assert interpreter.line(frame, EVE) == [Suspicion(suspected)]


# The date before gpsd has moved it


def moved(raw: bytes, gpsd_time: str) -> Epoch:
    """gpsd's report of a time, after the receiver's own sentence or frame."""
    interpreter = Interpreter()
    interpreter.line(b'{"class":"DEVICE","path":"/dev/gps0","driver":"NMEA0183","activated":"x"}', EVE)
    assert interpreter.line(raw, EVE) == []
    return epoch(interpreter, gpsd_time)


SPOKEN_2015 = [
    b"$GPRMC,120000.00,A,4807.0,N,01131.0,E,0.0,,030615,,,A*00\r",
    b"$GNZDA,120000.00,03,06,2015,00,00*00\r",
    ubx(0x01, 0x07, struct.pack("<IHBBBBBB", 0, 2015, 6, 3, 12, 0, 0, 7) + bytes(80)),
    ubx(0x01, 0x21, struct.pack("<IIiHBBBBBB", 0, 0, 0, 2015, 6, 3, 12, 0, 0, 7)),
    ubx(0x01, 0x20, struct.pack("<IihbBI", 0, 0, 1847, 17, 7, 10)),
]


@pytest.mark.parametrize("raw", SPOKEN_2015)
def test_a_recording_of_2015_does_not_pass_for_2034(raw: bytes) -> None:
    told = moved(raw, "2035-01-17T12:00:00.000Z")
    assert not told.date_plausible
    assert iso_utc(told.utc_ns) == "2015-06-03T12:00:00Z"


def test_a_receiver_that_tells_2007_in_2026_is_corrected_whether_gpsd_did_it_or_not() -> None:
    raw = b"$GPRMC,120000.00,A,4807.0,N,01131.0,E,0.0,,080407,,,A*00\r"
    for gpsd_time in ("2007-04-08T12:00:00.000Z", "2026-11-22T12:00:00.000Z"):
        told = moved(raw, gpsd_time)
        assert (iso_utc(told.utc_ns), told.rollovers, told.date_plausible) == ("2026-11-22T12:00:00Z", 1, True)


@pytest.mark.parametrize("year", [2034, 2036, 2038, 2044])
def test_a_box_that_lay_in_a_drawer_for_years_believes_what_its_receiver_says(year: int) -> None:
    raw = f"$GPRMC,120000.00,A,4807.0,N,01131.0,E,0.0,,0203{year % 100:02d},,,A*00\r".encode()
    told = moved(raw, f"{year}-03-02T12:00:00.000Z")
    assert (told.date_plausible, told.rollovers) == (True, 0)


def test_leap_seconds_of_the_past_tell_a_replay_whatever_its_date() -> None:
    interpreter = ublox()
    for leap, plausible in ((18, True), (19, True), (16, False), (15, False)):
        interpreter.line(timegps(leap, valid=7), EVE)
        assert epoch(interpreter, f"2026-12-31T12:00:{leap:02d}.000Z").date_plausible is plausible


def test_a_ublox_that_says_at_power_on_what_it_is_needs_no_asking() -> None:
    interpreter = Interpreter()
    interpreter.line(b'{"class":"DEVICE","path":"/dev/gps0","driver":"NMEA0183","activated":"x"}', EVE)
    names = []
    for text in (b"u-blox AG - www.u-blox.com", b"HW UBX-M8030 00080000", b"PROTVER=18.00", b"MOD=NEO-M8N-0"):
        names += [told.name for told in interpreter.line(b"$GNTXT,01,01,02," + text + b"*00\r", EVE)]  # type: ignore[union-attr]
    assert names == ["u-blox M8", "u-blox NEO-M8N"]


# Nothing that comes over the line makes it raise


frames = st.builds(
    ubx,
    st.sampled_from([0x01, 0x05, 0x06, 0x0A, 0x0D]),
    st.sampled_from([0x01, 0x03, 0x04, 0x06, 0x07, 0x09, 0x20, 0x21, 0x26, 0x38, 0x3B]),
    st.binary(max_size=100),
)
words = st.lists(st.text("0123456789.,AVNSEW-+*", max_size=12), max_size=24).map(",".join)
sentences = st.builds(
    lambda name, body: f"${name},{body}*00\r".encode(),
    st.sampled_from(["GPRMC", "GNRMC", "GPZDA", "GNTXT", "PMTK705", "PGTOP", "PCD", "PQVERNO", "PMTK001"]),
    words,
)


@given(st.lists(frames | sentences | st.binary(max_size=120), max_size=30))
def test_no_frame_and_no_sentence_makes_it_raise_or_grow(lines: list[bytes]) -> None:
    interpreter = ublox()
    for line in lines:
        for told in interpreter.line(line, EVE):
            assert isinstance(told, Device | Hardware | LeapNotice | Sawtooth | Surveying | Suspicion)
    assert len(interpreter._words) <= 500
    assert len(interpreter._told) <= 2
