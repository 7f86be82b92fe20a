# SPDX-License-Identifier: MIT
"""Recordings of real receivers, through a pseudo-terminal and the real gpsd, give the right seconds or a refusal.

The right seconds are those of the recording's own RMC and NAV-PVT, read here without gpsd; receivers of other dialects
are held to the instants that are written beside their names below.
"""

from __future__ import annotations

import calendar
import re
import struct
import time
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pytest
from receiver_line import Line, events_until, gpsd, needs_gpsd, play

from stratum1.receiver.events import Device, Epoch, Event
from stratum1.receiver.gpsd import GpsdStream
from stratum1.receiver.utc import RELEASED_NS
from stratum1.timescale import GPS_ROLLOVER_NS, NS_PER_S, iso_utc, parse_iso_utc

RECORDINGS = Path(__file__).parent.parent / "recordings"


@dataclass(frozen=True)
class Played:
    epochs: list[Epoch]
    names: list[str]


def played(name: str, known_past_ns: int) -> Played:
    line = Line()
    try:
        with gpsd(line.name) as port:
            stream = GpsdStream(port=port, known_past_ns=known_past_ns)
            told = events_until(stream, lambda events: any(isinstance(event, Device) for event in events))
            thread = play(RECORDINGS / name, line)
            quiet_since = time.monotonic()
            heard = 0

            def over(events: list[Event]) -> bool:
                nonlocal quiet_since, heard
                if len(events) != heard or thread.is_alive() or not line.drained():
                    heard, quiet_since = len(events), time.monotonic()
                return time.monotonic() - quiet_since > 1.0

            told += events_until(stream, over)
            stream.close()
    finally:
        line.close()
    return Played(
        [event for event in told if isinstance(event, Epoch)],
        [event.name for event in told if isinstance(event, Device)],
    )


def spoken_seconds(name: str) -> set[int]:
    """Unix seconds of every RMC with a good checksum, and of every UBX-NAV-PVT, that claim to be valid."""
    seconds = set()
    for body, checksum in re.findall(rb"\$(G[NPL]RMC,[^*\r\n]*)\*([0-9A-F]{2})", (RECORDINGS / name).read_bytes()):
        fields = body.decode("ascii").split(",")
        if reduce(lambda a, b: a ^ b, body) == int(checksum, 16) and fields[2] == "A" and fields[9]:
            stamp = time.strptime(fields[9] + fields[1][:6], "%d%m%y%H%M%S")
            seconds.add(calendar.timegm(stamp))
    for frame in re.findall(rb"\xb5\x62\x01\x07\x5c\x00(.{92})..", (RECORDINGS / name).read_bytes(), re.DOTALL):
        year, month, day, hour, minute, second, valid = struct.unpack_from("<HBBBBBB", frame, 4)
        if valid & 7 == 7:
            seconds.add(calendar.timegm((year, month, day, hour, minute, second)))
    return seconds


@pytest.mark.parametrize(
    ("name", "device", "day"),
    [
        ("quectel-L70.log", "Quectel L70", "2022-03-09"),
        ("quectel.log", "GPS receiver (NMEA)", "2020-10-07"),
        ("neo-m8n.log", "GPS receiver (NMEA)", "2015-03-18"),
        ("mtk-3329.log", "MediaTek receiver", "2011-02-20"),
        ("ublox-8.log", "GPS receiver (NMEA)", "2017-01-10"),
        ("ublox-zed-f9p-nmea.log", "GPS receiver (NMEA)", "2019-04-12"),
        ("ublox-zed-f9t-ubx_nmea_l5.log", "u-blox receiver", "2025-07-31"),
        ("ublox8-uniqid-monhw.log", "u-blox M8", "2024-03-24"),
    ],
)
@needs_gpsd
def test_every_second_with_a_fix_is_one_that_the_receiver_spoke(name: str, device: str, day: str) -> None:
    result = played(name, parse_iso_utc(day + "T00:00:00Z"))
    fixed = [epoch for epoch in result.epochs if epoch.fix_mode >= 2]
    right = spoken_seconds(name)
    assert len(right) >= 5
    assert {epoch.utc_ns for epoch in fixed} <= {second * NS_PER_S for second in right}
    # Not by silence: nearly all of them came.
    assert len({epoch.utc_ns for epoch in fixed}) >= 0.8 * len(right)
    assert all(epoch.date_plausible and not epoch.rollovers for epoch in fixed)
    assert result.names[-1] == device


@pytest.mark.parametrize(
    ("name", "first", "last", "leap_seconds"),
    [
        ("ublox-8-time.log", "2017-12-01T17:22:37Z", "2017-12-01T17:24:05Z", 18),
        ("ublox-neo-m8t.log", "2018-10-25T20:55:46Z", "2018-10-25T20:56:24Z", 18),
        ("ublox-lea-4t.log", "2009-01-28T20:35:40Z", "2009-01-28T20:35:44Z", 15),
    ],
)
@needs_gpsd
def test_ubx_gives_the_seconds_and_the_leap_seconds(name: str, first: str, last: str, leap_seconds: int) -> None:
    result = played(name, parse_iso_utc(first))
    fixed = [epoch for epoch in result.epochs if epoch.fix_mode >= 2]
    assert (fixed[0].utc_ns, fixed[-1].utc_ns) == (parse_iso_utc(first), parse_iso_utc(last))
    assert all(epoch.utc_ns % NS_PER_S == 0 for epoch in fixed)
    assert (fixed[-1].utc_valid, fixed[-1].leap_seconds) == (True, leap_seconds)


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDINGS.glob("*.log")))
@needs_gpsd
def test_a_replay_is_refused(name: str) -> None:
    """None of the recorded seconds could be taken for one of today, or of a year to come."""
    epochs = played(name, RELEASED_NS).epochs
    assert epochs
    assert not any(epoch.date_plausible and epoch.utc_valid is not False for epoch in epochs)


@needs_gpsd
def test_a_receiver_that_is_1024_weeks_behind_is_corrected() -> None:
    """The Quectel of 2022 is, to a reader in 2041, a receiver that has rolled over."""
    epochs = played("quectel-L70.log", parse_iso_utc("2041-10-01T00:00:00Z")).epochs
    fixed = [epoch for epoch in epochs if epoch.fix_mode >= 2]
    assert iso_utc(fixed[0].utc_ns).startswith("2041-10-23")
    assert all(epoch.date_plausible and epoch.rollovers == 1 for epoch in fixed)
    right = spoken_seconds("quectel-L70.log")
    assert {(epoch.utc_ns - GPS_ROLLOVER_NS) // NS_PER_S for epoch in fixed} <= right


@needs_gpsd
def test_a_recording_that_would_fit_with_a_rollover_is_given_away_by_its_leap_seconds() -> None:
    """The LEA-4T of 2009 would be of 2028, had it not the 15 leap seconds of 2009."""
    epochs = played("ublox-lea-4t.log", parse_iso_utc("2028-09-01T00:00:00Z")).epochs
    told = [epoch for epoch in epochs if epoch.leap_seconds is not None]
    assert told
    assert not any(epoch.date_plausible for epoch in told)
