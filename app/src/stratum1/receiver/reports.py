# SPDX-License-Identifier: MIT
"""From gpsd's reports, one JSON object a line (gpsd_json(5)), to events.  Pure: no socket, no clock.

What in a TPV says when the message came, best first, all CLOCK_REALTIME of gpsd's machine:
`sor`, when the first byte after the pause between two bursts came; the TOFF report of the same second, when its
time-bearing sentence had come; `rtime`, when gpsd wrote the TPV.  gpsd finds the pause only while a burst leaves one of
a quarter of its driver's shortest cycle, and leaves `sor` standing otherwise, so an old one is no arrival.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from stratum1.receiver import dialects, naming
from stratum1.receiver.events import (
    Device,
    Epoch,
    Event,
    Gone,
    Hardware,
    LeapNotice,
    Place,
    Sawtooth,
    Sky,
    Stamp,
    Surveying,
    Suspicion,
)
from stratum1.receiver.utc import (
    ALMANAC_NS,
    LEAPS_KNOWN_AHEAD_NS,
    RELEASED_NS,
    UtcWatch,
    leap_instant,
    resolve_date,
    unmoved,
)
from stratum1.timescale import GPS_EPOCH_NS, NS_PER_MS, NS_PER_S, parse_iso_utc
from stratum1.tracking import Leap, Reason

_FIRST_NS = 0
_LAST_NS = 7_258_118_400 * NS_PER_S
"""1970 .. 2200: any instant outside is garbage, and int64 arithmetic stays far from its ends."""

_EPOCHS_NS = NS_PER_S
"""Between two epochs of a receiver, until it is seen to be less."""

_EPOCH_GRID_NS = 10 * NS_PER_MS
"""Epochs lie on this grid at every rate that receivers offer, up to 100 Hz."""

_WORDS_CHARACTERS = 500

_SAME_EPOCH_NS = 500 * NS_PER_MS
"""Reports of one time that lie closer together are one epoch; a time told again later is a stuck receiver, or a leap
second, which POSIX time counts twice."""

_DAY_NS = 86_400 * NS_PER_S
_WEEK_NS = 604_800 * NS_PER_S
_NEAR_NS = 10 * NS_PER_S
"""A pulse is told of some tenths of a second before or after it; what is further off is of another time."""

_DECIMAL = re.compile(r"(\d{1,12})(?:\.(\d{1,18}))?", re.ASCII)


class Interpreter:
    """Turns one gpsd's reports into events.  Whatever the line holds, nothing is raised."""

    def __init__(self, known_past_ns: int = RELEASED_NS, utc: UtcWatch | None = None, only: str = "") -> None:
        """`utc`: what was learned of the receiver over an earlier connection; `only`: the path of the one to hear."""
        self._only = only
        self.known_past_ns = known_past_ns
        self.heard = 0
        """How many reports were about the receiver's own messages."""
        self._utc = utc or UtcWatch()
        self._toff = (0, 0)
        self._told_ns = 0
        self._interval_ns = _EPOCHS_NS
        self._last: Epoch | None = None
        self._device: Device | None = None
        self._sky: Sky | None = None
        self._words = ""
        self._leap_heard = False
        self._notice: LeapNotice | None = None
        self._told: set[Event] = set()
        """The newest of each kind that is told once until it changes."""
        self._own_date_ns: int | None = None

    @property
    def wants_leaps(self) -> str:
        """The device of a receiver that could tell of leap seconds to come and has not yet; else empty."""
        device = self._device
        return device.path if device is not None and device.driver == "u-blox" and self._notice is None else ""

    def line(self, text: bytes, now_ns: int) -> list[Event]:
        """The events in one line that gpsd wrote; `now_ns` is CLOCK_REALTIME, for reports without their own time."""
        if not text.startswith(b"{"):
            return self._raw(text)
        try:
            # Instants keep all their digits: no float ever holds one.
            report = json.loads(text, parse_float=str)
        except (ValueError, RecursionError):
            return []
        if not isinstance(report, dict):
            return []
        if self._only and report.get("device", report.get("path", self._only)) != self._only:
            return []
        if report.get("class") in ("TPV", "SKY", "TOFF"):
            self.heard += 1
        match report.get("class"):
            case "TPV":
                return self._tpv(report, now_ns)
            case "TOFF":
                self._read_toff(report)
            case "SKY":
                return self._sky_report(report)
            case "DEVICE":
                return self._device_report(report)
            case "DEVICES":
                devices = report.get("devices")
                rows = [row for row in devices if isinstance(row, dict)] if isinstance(devices, list) else []
                rows = [row for row in rows if not self._only or row.get("path") == self._only]
                if not rows:
                    self._forget()
                    return [Gone(Reason.NO_RECEIVER, "gpsd has no receiver")]
                return [event for row in rows[:4] for event in self._device_report(row)]
        return []

    def _tpv(self, report: dict[str, Any], now_ns: int) -> list[Event]:
        mode = _integer(report, "mode", 0, 3) or 0
        told = _utc(report.get("time"))
        if told is not None and self._own_date_ns is not None:
            told = unmoved(told, self._own_date_ns)
        if told is None:
            # No time is news too: the fix may be gone, and a receiver without one may tell no time at all.
            if mode >= 2:
                return []
            self._utc.epoch(now_ns, mode)
            return [Gone(Reason.NO_FIX, "the receiver tells no time")]
        written_ns = _instant(report.get("rtime"))
        arrival_ns, stamp = self._arrival(report, told, now_ns if written_ns is None else written_ns)
        last = self._last
        if last is not None and last.device == _text(report, "device") and self._told_again(last, told, arrival_ns):
            if last.fix_mode == mode:
                return []
            # The same burst knows more now; what it said of its arrival stays.
            arrival_ns, stamp = last.arrival_ns, last.stamp
        leap = _integer(report, "leapseconds", -1, 100)
        # gpsd's value outlives the receiver that told it, so the receiver's own word goes first.
        if leap is not None and not self._leap_heard:
            self._utc.leap_seconds(leap)
        utc_valid, leap_seconds, fix_age_ns = self._utc.epoch(arrival_ns, mode)
        dated = resolve_date(told, self.known_past_ns, leap_seconds)
        self._last = Epoch(
            utc_ns=dated.utc_ns,
            arrival_ns=arrival_ns,
            fix_mode=mode,
            utc_valid=utc_valid,
            leap_seconds=leap_seconds,
            rollovers=dated.rollovers,
            date_plausible=dated.plausible,
            fix_age_ns=fix_age_ns,
            stamp=stamp,
            device=_text(report, "device"),
            place=_place(report) if mode >= 2 else None,
        )
        return [self._last]

    def _told_again(self, last: Epoch, told_ns: int, arrival_ns: int) -> bool:
        dated = resolve_date(told_ns, self.known_past_ns, last.leap_seconds)
        return dated.utc_ns == last.utc_ns and abs(arrival_ns - last.arrival_ns) < _SAME_EPOCH_NS

    def _arrival(self, report: dict[str, Any], told_ns: int, written_ns: int) -> tuple[int, Stamp]:
        if self._last is not None and 0 < told_ns - self._told_ns < self._interval_ns:
            self._interval_ns = told_ns - self._told_ns
        self._told_ns = told_ns
        # A burst is over before the next one starts: its start is never older than that when its report comes.
        burst_ns = self._interval_ns * 19 // 20
        start_ns = _instant(report.get("sor"))
        if start_ns is not None and 0 <= written_ns - start_ns < burst_ns:
            return start_ns, Stamp.FIRST_BYTE
        toff_real_ns, toff_clock_ns = self._toff
        if toff_real_ns == told_ns and 0 <= written_ns - toff_clock_ns < burst_ns:
            return toff_clock_ns, Stamp.SENTENCE
        return written_ns, Stamp.REPORT

    def _read_toff(self, report: dict[str, Any]) -> None:
        parts = [_integer(report, key, 0, 1 << 40) for key in ("real_sec", "real_nsec", "clock_sec", "clock_nsec")]
        real_s, real_ns, clock_s, clock_ns = parts
        if real_s is not None and real_ns is not None and clock_s is not None and clock_ns is not None:
            self._toff = (_on_grid(real_s * NS_PER_S + real_ns), clock_s * NS_PER_S + clock_ns)

    def _sky_report(self, report: dict[str, Any]) -> list[Event]:
        satellites = report.get("satellites")
        if isinstance(satellites, list):
            rows = [row for row in satellites if isinstance(row, dict)]
            sky = Sky(used=sum(row.get("used") is True for row in rows), seen=len(rows))
        else:
            # gpsd from 3.23 tells the counts alone when a sentence has no list; older ones tell the precision alone.
            used, seen = (
                _integer(report, "uSat", 0, 1000),
                _integer(report, "nSat", 0, 1000),
            )
            if used is None or seen is None:
                return []
            sky = Sky(used, seen)
        if sky == self._sky:
            return []
        self._sky = sky
        return [sky]

    def _forget(self) -> None:
        """What is plugged in next has to tell for itself."""
        self._utc.restart()
        self._device = self._sky = self._last = self._notice = self._own_date_ns = None
        self._told.clear()
        self._words = ""
        self._leap_heard = False
        self._interval_ns = _EPOCHS_NS

    def _raw(self, text: bytes) -> list[Event]:
        return [event for fact in dialects.facts(text) for event in self._fact(fact)]

    def _fact(self, fact: dialects.Fact) -> list[Event]:
        match fact:
            case dialects.OwnDate(unix_ns):
                self._own_date_ns = unix_ns
            case dialects.LeapSeconds(value):
                self._leap_heard = True
                self._utc.leap_seconds(value)
            case dialects.TimeResolved(resolved):
                self._utc.resolved(resolved)
            case dialects.LeapToCome(change, seconds_left):
                return self._leap_to_come(change, seconds_left)
            case dialects.AntennaState(antenna, jamming, jamming_state):
                return self._news(Hardware(antenna, jamming, jamming_state))
            case dialects.SurveyState(state, seconds, accuracy_mm):
                return self._news(Surveying(state, seconds, accuracy_mm))
            case dialects.SpoofingState(suspected):
                return [Suspicion(suspected)]  # each time, as a single one is none
            case dialects.PulseQuantisation(week_ms, utc, picoseconds) if picoseconds is not None:
                return self._quantisation(week_ms, utc, picoseconds)
            case dialects.Model(words) if words not in self._words:
                self._words = f"{self._words},{words}"[:_WORDS_CHARACTERS]
                if self._device is not None:
                    name = naming.receiver_name(self._device.driver, self._words)
                    if name != self._device.name:
                        self._device = dataclasses.replace(self._device, name=name)
                        return [self._device]
        return []

    def _news(self, event: Event) -> list[Event]:
        """`event`, unless it was the last of its kind."""
        if event in self._told:
            return []
        self._told = {told for told in self._told if type(told) is not type(event)} | {event}
        return [event]

    def _quantisation(self, week_ms: int, utc: bool, picoseconds: int) -> list[Event]:
        last = self._last
        if last is None or not last.date_plausible or not (utc or last.leap_seconds is not None):
            return []
        week_ns = week_ms * NS_PER_MS - (0 if utc else (last.leap_seconds or 0) * NS_PER_S)
        # Weeks begin at the same instant by either count, and the pulse is near the last epoch.
        ahead_ns = (week_ns - (last.utc_ns - GPS_EPOCH_NS) + _WEEK_NS // 2) % _WEEK_NS - _WEEK_NS // 2
        return [Sawtooth(last.utc_ns + ahead_ns, picoseconds)] if abs(ahead_ns) <= _NEAR_NS else []

    def _leap_to_come(self, change: int, seconds_left: int) -> list[Event]:
        last = self._last
        # What a receiver has kept from before it was switched off announces, and does not know what came meanwhile.
        known = last is not None and last.date_plausible and last.fix_age_ns >= ALMANAC_NS
        until_ns = last.utc_ns // _DAY_NS * _DAY_NS + LEAPS_KNOWN_AHEAD_NS if last is not None and known else 0
        notice = LeapNotice(Leap.NONE, 0, until_ns)
        if change:
            at_ns = leap_instant(last.utc_ns, seconds_left) if last is not None and last.date_plausible else None
            if at_ns is None:
                return []  # no leap can be then: phantom announcements have been broadcast
            notice = LeapNotice(Leap.INSERT if change > 0 else Leap.DELETE, at_ns, until_ns)
        if notice == self._notice:
            return []
        self._notice = notice
        return [notice]

    def _device_report(self, report: dict[str, Any]) -> list[Event]:
        path = _text(report, "path")
        activated = report.get("activated")
        if activated in (0, "0") and not isinstance(activated, bool):
            self._forget()
            return [Gone(Reason.NO_RECEIVER, f"{path or 'the receiver'} cannot be read")]
        device = Device(
            name=naming.receiver_name(
                _text(report, "driver"),
                _text(report, "subtype"),
                _text(report, "subtype1"),
            ),
            path=path,
            driver=_text(report, "driver"),
            baud=_integer(report, "bps", 0, 10_000_000) or 0,
        )
        if naming.tells_leap_seconds(device.driver):
            self._utc.tells()
        if device == self._device or not (device.driver or self._device is None):
            return []
        self._device = device
        return [device]


def _place(report: dict[str, Any]) -> Place | None:
    latitude, longitude = _degrees(report, "lat", 90.0), _degrees(report, "lon", 180.0)
    if latitude is None or longitude is None:
        return None
    return Place(latitude, longitude, _degrees(report, "eph", 1e7))


def _degrees(report: dict[str, Any], key: str, limit: float) -> float | None:
    value = report.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > 30:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if -limit <= number <= limit else None


def _integer(report: dict[str, Any], key: str, low: int, high: int) -> int | None:
    value = report.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    return None


def _text(report: dict[str, Any], key: str) -> str:
    value = report.get(key)
    return value[:256] if isinstance(value, str) else ""


def _instant(value: object) -> int | None:
    """Unix nanoseconds of a JSON number of seconds, exactly; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        ns = value * NS_PER_S if 0 <= value < 1 << 40 else -1
    elif isinstance(value, str) and (match := _DECIMAL.fullmatch(value)):
        ns = int(match[1]) * NS_PER_S + int(((match[2] or "") + "000000000")[:9])
    else:
        return None
    return ns if _FIRST_NS < ns < _LAST_NS else None


def _utc(value: object) -> int | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        ns = parse_iso_utc(value)
    except (ValueError, OverflowError):
        return None
    ns = _on_grid(ns)
    return ns if _FIRST_NS < ns < _LAST_NS else None


def _on_grid(ns: int) -> int:
    """The epoch that is meant: what gpsd tells carries the receiver's clock error, some ms on old ones."""
    return (ns + _EPOCH_GRID_NS // 2) // _EPOCH_GRID_NS * _EPOCH_GRID_NS
