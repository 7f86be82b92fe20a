# SPDX-License-Identifier: MIT
"""One snapshot and one reading of the time as everything that may be shown of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from stratum1.timescale import NS_PER_S, iso_utc
from stratum1.tracking.snapshot import Antenna, Leap, Reason, Snapshot, State
from stratum1.words import evidence, reception
from stratum1.words.clock import moment
from stratum1.words.reasons import ANTENNA, REASONS
from stratum1.words.tongue import N_, _
from stratum1.words.units import format_bound, format_duration, format_ppm, format_seconds

# The writer publishes every second; after this it is taken for dead (TRACKING_STALE_NS of the page).
_STALE_NS = 5 * NS_PER_S
_STALE_RATE = 15e-6
# Beyond this it is not even known which second it is.
_SECOND_KNOWN_NS = NS_PER_S // 2
_SATELLITES_NEEDED = 4

_FIX = {0: N_("fix unknown"), 1: N_("no fix"), 2: N_("2D fix"), 3: N_("3D fix")}
_LEAP = {
    Leap.NONE: N_("none announced"),
    Leap.INSERT: N_("second inserted"),
    Leap.DELETE: N_("second removed"),
    Leap.UNKNOWN: N_("not known"),
}


@dataclass(frozen=True, slots=True)
class Status:
    """Ready texts, and the numbers they were made of.  An empty text or None: nothing is known."""

    state: str = "UNSYNCHRONISED"
    """What is served, as one word: ACQUIRING, LOCKED, HOLDOVER or UNSYNCHRONISED."""
    reason: str = "TIMEKEEPER_SILENT"
    serves: bool = False
    """Whether clients are told that this time is good."""
    level: str = "alarm"
    """good, busy (wait), warning (soon bad) or alarm (a person is needed)."""
    short: str = REASONS[Reason.TIMEKEEPER_SILENT].short
    """The reason in at most 21 characters."""
    headline: str = REASONS[Reason.TIMEKEEPER_SILENT].headline
    advice: str = REASONS[Reason.TIMEKEEPER_SILENT].advice
    progress: str = ""
    """How far the way to LOCKED is, or what is left of HOLDOVER: "3 of 4 satellites used"."""
    detail: str = ""

    time_known: bool = False
    """False: not even the second is known, and `time` shows dashes."""
    time: str = "--:--:--"
    date: str = ""
    day: str = ""
    long_date: str = ""
    zone: str = "UTC"
    time_utc: str = "--:--:--"
    date_utc: str = ""

    stratum: str = "-"
    refid: str = ""
    offset: str = "-"
    bound: str = "±?"
    frequency: str = "-"
    jitter: str = "-"
    satellites: str = "-"
    fix: str = ""
    antenna: str = ""
    survey: str = ""
    jamming: str = ""
    spoofing: str = ""
    reception: str = ""
    """Survey, interference or a suspicion in at most 21 characters."""
    receiver: str = ""
    pulse: str = ""
    found: str = ""
    """Where receiver and pulse were found, and the evidence."""
    temperature: str = "-"
    holdover_left: str = "-"
    leap: str = _LEAP[Leap.UNKNOWN]
    since: str = ""
    """How long the state has lasted: "3 h 20 min"."""

    served_ns: int | None = None
    bound_ns: int | None = None
    stratum_number: int = 0
    offset_ns: int | None = None
    jitter_ns: int | None = None
    frequency_ppm: float | None = None
    steering_ppm: float | None = None
    satellites_used: int = 0
    satellites_seen: int = 0
    fix_mode: int = 0
    utc_valid: bool = False
    survey_state: str = "UNKNOWN"
    survey_s: int = 0
    survey_accuracy_mm: int = 0
    jamming_state: str = "UNKNOWN"
    jamming_indicator: int = 0
    """0 to 255."""
    spoofing_state: str = "UNKNOWN"
    temperature_c: float | None = None
    holdover_left_s: int | None = None
    since_s: int | None = None
    leap_at_ns: int = 0
    tai_offset_s: int = 0
    pulses_accepted: int = 0
    pulses_rejected: int = 0
    steps: int = 0
    pulse_device: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For programs: plain numbers with the unit in the key; the same keys always, None where unknown."""
        return {
            "state": self.state,
            "reason": self.reason,
            "serves": self.serves,
            "level": self.level,
            "headline": self.headline,
            "advice": self.advice,
            "progress": self.progress,
            "detail": self.detail,
            "time_known": self.time_known,
            "time_utc": iso_utc(self.served_ns, 3) if self.time_known and self.served_ns is not None else None,
            "time": self.time,
            "date": self.date,
            "day": self.day,
            "zone": self.zone,
            "served_ns": self.served_ns,
            "bound_ns": self.bound_ns,
            "stratum": self.stratum_number,
            "refid": self.refid,
            "offset_ns": self.offset_ns,
            "jitter_ns": self.jitter_ns,
            "frequency_ppm": self.frequency_ppm,
            "steering_ppm": self.steering_ppm,
            "satellites_used": self.satellites_used,
            "satellites_seen": self.satellites_seen,
            "fix_mode": self.fix_mode,
            "utc_valid": self.utc_valid,
            "antenna": self.antenna,
            "survey": self.survey,
            "survey_state": self.survey_state,
            "survey_s": self.survey_s,
            "survey_accuracy_mm": self.survey_accuracy_mm,
            "jamming": self.jamming,
            "jamming_state": self.jamming_state,
            "jamming_indicator": self.jamming_indicator,
            "spoofing": self.spoofing,
            "spoofing_state": self.spoofing_state,
            "receiver": self.receiver,
            "pulse_device": self.pulse_device,
            "temperature_c": self.temperature_c,
            "holdover_left_s": self.holdover_left_s,
            "since_s": self.since_s,
            "leap": self.leap,
            "leap_at_ns": self.leap_at_ns,
            "tai_offset_s": self.tai_offset_s,
            "pulses_accepted": self.pulses_accepted,
            "pulses_rejected": self.pulses_rejected,
            "steps": self.steps,
            "texts": dict(self.rows()),
            "labels": {label: _(label) for label, _text in self.rows()},
        }

    def rows(self) -> tuple[tuple[str, str], ...]:
        """(label, text) in the order in which command line and page list them; nothing unknown is listed."""
        state = _("{state} for {time}").format(state=self.state, time=self.since) if self.since else self.state
        time = f"{self.day} {self.date} {self.time} {self.zone}" if self.time_known else _("not known")
        rows = (
            (N_("State"), state),
            (N_("Because"), self.headline),
            (N_("To do"), self.advice if self.level != "good" else ""),
            (N_("Progress"), self.progress),
            (N_("Detail"), self.detail),
            (N_("Time"), time),
            (N_("UTC"), f"{self.date_utc} {self.time_utc}" if self.time_known and self.zone != "UTC" else ""),
            (N_("Stratum"), f"{self.stratum} ({self.refid})" if self.refid else self.stratum),
            (N_("Error bound"), self.bound),
            (N_("Offset"), self.offset),
            (N_("Jitter"), self.jitter),
            (N_("Frequency"), self.frequency),
            (N_("Temperature"), self.temperature),
            (
                N_("Satellites"),
                _("{used_of_seen} used, {fix}").format(used_of_seen=self.satellites, fix=self.fix)
                if self.fix
                else self.satellites,
            ),
            (N_("Antenna"), self.antenna),
            (N_("Survey of the position"), self.survey),
            (N_("Interference"), self.jamming),
            (N_("Forged signals"), self.spoofing),
            (N_("Receiver"), self.receiver),
            (N_("Pulse"), self.pulse),
            (N_("Found"), self.found),
            (N_("Holdover left"), self.holdover_left),
            (N_("Leap second"), self.leap),
        )
        return tuple((label, text) for label, text in rows if text not in ("", "-"))

    def line(self) -> str:
        """One line for a log: "LOCKED, stratum 1, ±1.3 µs, 9 of 14 satellites: Following the pulse ..."."""
        return f"{self.state}, stratum {self.stratum}, {self.bound}, {self.satellites} satellites: {self.headline}"


def describe(snapshot: Snapshot | None, now: tuple[int, int, bool] | None, zone: str = "UTC") -> Status:
    """What is to be said of `snapshot`, in the time zone `zone`.

    `now` is TrackingReader.now(): served UTC (ns), error bound (ns), and whether the answer path claims this
    time good.  The words follow that third item and not the snapshot's state, which may be the last word of
    a timekeeper that has died: what is shown is what is served.
    """
    if snapshot is None or now is None:
        return Status()
    served, bound, good = now
    # Both clocks of the difference are the corrected one, so steering and correction drop out.
    age = served - (snapshot.kernel_ns + snapshot.correction_ns)
    state, reason = _judge(snapshot, bound, good, age)
    said = REASONS[reason].told()
    antenna = ANTENNA[snapshot.antenna].told()
    blame_antenna = state is not State.LOCKED and snapshot.antenna in (Antenna.OPEN, Antenna.SHORT)
    left = _holdover_left(snapshot, bound, age) if good else None
    bounded = snapshot.reference_ns != 0 and reason is not Reason.CLOCK_STEPPED
    known = bounded and bound < _SECOND_KNOWN_NS
    since = served - (snapshot.state_since_ns + snapshot.correction_ns) if state is snapshot.state else -1
    measured = snapshot.pulses_accepted > 0
    status = Status(
        state=state.name,
        reason=reason.name,
        serves=good,
        level=_level(state, reason, blame_antenna),
        short=antenna.short if blame_antenna else said.short,
        headline=antenna.headline if blame_antenna else said.headline,
        advice=antenna.advice if blame_antenna else said.advice,
        progress=_progress(snapshot, state, reason, left),
        detail=snapshot.detail if reason is snapshot.reason else "",
        stratum=str(snapshot.stratum) if good else "-",
        refid=snapshot.refid.rstrip(b"\0").decode("ascii", "replace") if good else "",
        bound=format_bound(bound) if bounded else "±?",
        offset=format_seconds(snapshot.offset_ns, signed=True) if measured else "-",
        jitter=format_seconds(snapshot.jitter_ns) if measured else "-",
        frequency=format_ppm(snapshot.frequency) if measured else "-",
        satellites=_("{used} of {seen}").format(used=snapshot.satellites_used, seen=snapshot.satellites_seen),
        fix=_(_FIX[snapshot.fix_mode]) if snapshot.fix_mode in _FIX else "",
        antenna="" if snapshot.antenna is Antenna.UNKNOWN else antenna.short.removeprefix("antenna "),
        survey=reception.survey(snapshot),
        jamming=reception.jamming(snapshot),
        spoofing=reception.spoofing(snapshot),
        reception=reception.short(snapshot),
        receiver=snapshot.receiver or _("none found"),
        pulse=_pulse(snapshot, served),
        found=evidence.found(snapshot),
        temperature="-" if snapshot.temperature_mc is None else f"{snapshot.temperature_mc / 1000:.1f} °C",
        holdover_left="-" if left is None else format_duration(left),
        leap=_leap(snapshot),
        since=format_duration(since) if since >= 0 else "",
        served_ns=served,
        bound_ns=bound if bounded else None,
        stratum_number=snapshot.stratum if good else 0,
        offset_ns=snapshot.offset_ns if measured else None,
        jitter_ns=snapshot.jitter_ns if measured else None,
        frequency_ppm=_ppm(snapshot.frequency) if measured else None,
        steering_ppm=_ppm(snapshot.steering) if measured else None,
        satellites_used=snapshot.satellites_used,
        satellites_seen=snapshot.satellites_seen,
        fix_mode=snapshot.fix_mode,
        utc_valid=snapshot.utc_valid,
        survey_state=snapshot.survey_state.name,
        survey_s=snapshot.survey_s,
        survey_accuracy_mm=snapshot.survey_accuracy_mm,
        jamming_state=snapshot.jamming_state.name,
        jamming_indicator=snapshot.jamming,
        spoofing_state=snapshot.spoofing.name,
        temperature_c=None if snapshot.temperature_mc is None else snapshot.temperature_mc / 1000,
        holdover_left_s=None if left is None else left // NS_PER_S,
        since_s=since // NS_PER_S if since >= 0 else None,
        leap_at_ns=snapshot.leap_at_ns,
        tai_offset_s=snapshot.tai_offset,
        pulses_accepted=snapshot.pulses_accepted,
        pulses_rejected=snapshot.pulses_rejected,
        steps=snapshot.steps,
        pulse_device=snapshot.pulse_device,
    )
    here = moment(served, zone)
    if not known:
        return replace(status, zone=here.zone)
    utc = moment(served)
    return replace(
        status,
        time_known=True,
        time=here.time,
        date=here.date,
        day=here.day,
        long_date=here.long_date,
        zone=here.zone,
        time_utc=utc.time,
        date_utc=utc.date,
    )


def _judge(snapshot: Snapshot, bound: int, good: bool, age: int) -> tuple[State, Reason]:
    """State and reason of what is served now, where the snapshot may have been overtaken by events."""
    silent = age > _STALE_NS
    if good:
        # Nobody feeds pulses in any more, so this is holdover even if the last word was LOCKED.
        return (State.HOLDOVER, Reason.TIMEKEEPER_SILENT) if silent else (snapshot.state, snapshot.reason)
    if not snapshot.state.serves:
        return snapshot.state, Reason.TIMEKEEPER_SILENT if silent else snapshot.reason
    if bound > snapshot.bound_limit_ns and age >= 0:
        return State.UNSYNCHRONISED, Reason.TIMEKEEPER_SILENT if silent else Reason.BOUND_EXCEEDED
    kernel = snapshot.kernel_ns + age
    if snapshot.serve_until_ns and kernel > snapshot.serve_until_ns:
        over = Reason.HOLDOVER_EXPIRED if snapshot.state is State.HOLDOVER else Reason.LEAP_UNKNOWN
        return State.UNSYNCHRONISED, Reason.TIMEKEEPER_SILENT if silent else over
    return State.UNSYNCHRONISED, Reason.CLOCK_STEPPED


def _ppm(rate: float) -> float | None:
    ppm = rate * 1e6
    return ppm if math.isfinite(ppm) else None  # JSON has no word for the others


def _level(state: State, reason: Reason, blame_antenna: bool) -> str:
    if state is State.LOCKED:
        return "good"
    if reason is Reason.LEAP_UNKNOWN:
        return "warning"  # it was to be expected, and passes by itself
    if blame_antenna or state is State.UNSYNCHRONISED:
        return "alarm"
    if state is State.HOLDOVER:
        return "warning"
    waiting = (Reason.NONE, Reason.STARTING, Reason.NO_FIX, Reason.UTC_UNVERIFIED, Reason.NO_PULSE, Reason.SETTLING)
    return "busy" if reason in waiting else "warning"


def _progress(snapshot: Snapshot, state: State, reason: Reason, left: int | None) -> str:
    if state is State.LOCKED:
        return ""
    if left is not None:
        return _("{time} left").format(time=format_duration(left))
    if reason in (Reason.NO_FIX, Reason.FIX_LOST):
        used, seen = snapshot.satellites_used, snapshot.satellites_seen
        if seen < _SATELLITES_NEEDED:
            return _("{seen}/{needed} seen, {used} used").format(seen=seen, needed=_SATELLITES_NEEDED, used=used)
        return _("{seen} seen, {used}/{needed} used").format(seen=seen, needed=_SATELLITES_NEEDED, used=used)
    if reason in (Reason.SETTLING, Reason.LABELS_DISAGREE, Reason.LABELS_AMBIGUOUS) and snapshot.labels_needed:
        return _("{some} of {all} agree").format(some=snapshot.labels_agreeing, all=snapshot.labels_needed)
    return ""


def _holdover_left(snapshot: Snapshot, bound: int, age: int) -> int:
    """How long time can be served without pulses from now (ns)."""
    if age <= _STALE_NS:
        return max(snapshot.holdover_left_ns - max(age, 0), 0)
    rate = snapshot.bound_rate if snapshot.bound_rate > _STALE_RATE else _STALE_RATE
    left = int((snapshot.bound_limit_ns - bound) / rate)
    if snapshot.serve_until_ns:
        left = min(left, snapshot.serve_until_ns - (snapshot.kernel_ns + age))
    return max(left, 0)


def _pulse(snapshot: Snapshot, served: int) -> str:
    device = snapshot.pulse_device
    if not snapshot.last_pulse_ns:
        return f"{device}: {_('never seen')}" if device else _("no pulse input")
    ago = served - (snapshot.last_pulse_ns + snapshot.correction_ns)
    text = _("every second")
    if not -NS_PER_S < ago < 3 * NS_PER_S:
        text = _("last {time} ago").format(time=format_duration(ago))
    return f"{device}: {text}" if device else text


def _leap(snapshot: Snapshot) -> str:
    text = _(_LEAP[snapshot.leap])
    if snapshot.leap in (Leap.INSERT, Leap.DELETE) and snapshot.leap_at_ns:
        return _("{what} before {when} UTC").format(what=text, when=iso_utc(snapshot.leap_at_ns)[:16].replace("T", " "))
    return text
