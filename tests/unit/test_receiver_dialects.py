# SPDX-License-Identifier: MIT
"""What gpsd leaves out is read from what it repeats: validity, leaps to come, antenna, jamming, model."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver import dialects
from stratum1.receiver.events import Device, Epoch, Event, Hardware, LeapNotice
from stratum1.receiver.reports import Interpreter
from stratum1.timescale import iso_utc, parse_iso_utc
from stratum1.tracking import Antenna, Leap

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
    whole = dialects.fact(line)
    assert whole is not None
    assert dialects.fact(line[: min(cut, len(line) - 6)]) is None
