# SPDX-License-Identifier: MIT
"""How the receiver is heard and how far it is believed, as a person reads it; empty where it cannot say."""

from __future__ import annotations

from stratum1.timescale import NS_PER_S
from stratum1.tracking.snapshot import Jamming, Snapshot, Spoofing, SpoofingEvidence, Survey
from stratum1.words.tongue import N_, _
from stratum1.words.units import format_duration

_LOUDEST = 255

_EVIDENCE = {
    SpoofingEvidence.RECEIVER: N_("the receiver says so"),
    SpoofingEvidence.TIME_JUMP: N_("the time jumped"),
    SpoofingEvidence.POSITION_JUMP: N_("the position jumped"),
    SpoofingEvidence.SERVERS: N_("other time servers disagree"),
}

_JAMMING = {
    Jamming.OK: N_("none that matters"),
    Jamming.WARNING: N_("some, and still a fix: look for a source near the antenna"),
    Jamming.CRITICAL: N_("so much that there is no fix: look for a source near the antenna"),
}


def _metres(millimetres: int) -> str:
    return f"±{millimetres / 1000:.2f} m" if millimetres < 10_000 else f"±{millimetres // 1000} m"


def survey(snapshot: Snapshot) -> str:
    """How far the survey of the antenna's position is: "under way for 12 min, ±2.31 m so far"."""
    if snapshot.survey_state is Survey.RUNNING:
        time, metres = format_duration(snapshot.survey_s * NS_PER_S), _metres(snapshot.survey_accuracy_mm)
        if not snapshot.survey_accuracy_mm:
            return _("under way for {time}").format(time=time)
        return _("under way for {time}, {metres} so far").format(time=time, metres=metres)
    if snapshot.survey_state is Survey.DONE:
        return _("done") + (f", {_metres(snapshot.survey_accuracy_mm)}" if snapshot.survey_accuracy_mm else "")
    return ""


def short(snapshot: Snapshot) -> str:
    """What of it matters most, in at most 21 characters: one line of the smallest panel."""
    if snapshot.spoofing is Spoofing.SUSPECTED:
        return _("forged signals?")
    if snapshot.jamming_state in (Jamming.WARNING, Jamming.CRITICAL):
        return _("interference") + (f" {snapshot.jamming * 100 // _LOUDEST} %" if snapshot.jamming else "")
    metres = f" ±{min(snapshot.survey_accuracy_mm / 1000, 999):.1f} m" if snapshot.survey_accuracy_mm else ""
    if snapshot.survey_state is Survey.RUNNING:
        hours, minutes = divmod(min(snapshot.survey_s, 99 * 3600) // 60, 60)
        return f"{_('survey')} {hours}:{minutes:02d}{metres}"
    return f"{_('position')}{metres}" if snapshot.survey_state is Survey.DONE and metres else ""


def jamming(snapshot: Snapshot) -> str:
    """Interference: "none that matters (3 %)", by the receiver's own indicator."""
    level = f"{snapshot.jamming * 100 // _LOUDEST} %" if snapshot.jamming else ""
    said = _(_JAMMING[snapshot.jamming_state]) if snapshot.jamming_state in _JAMMING else ""
    if said and level:
        return f"{level}, {said}"
    return said or level


def spoofing(snapshot: Snapshot) -> str:
    """Whether the signals may be forged, and what says so."""
    if snapshot.spoofing is Spoofing.NONE:
        return _("no sign of it")
    if snapshot.spoofing is Spoofing.UNKNOWN:
        return ""
    found = [_(text) for evidence, text in _EVIDENCE.items() if snapshot.spoofing_evidence & evidence]
    return _("suspected") + (f": {', '.join(found)}" if found else "")
