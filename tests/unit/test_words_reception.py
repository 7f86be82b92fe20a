# SPDX-License-Identifier: MIT
"""What is said of survey, interference and forged signals; nothing where the receiver cannot say."""

from __future__ import annotations

import pytest

from stratum1.tracking import Snapshot
from stratum1.tracking.snapshot import Jamming, Spoofing, SpoofingEvidence, Survey
from stratum1.words import describe
from stratum1.words.reception import jamming, spoofing, survey


def test_a_receiver_that_cannot_say_is_no_row() -> None:
    labels = dict(describe(Snapshot(), (10**18, 1000, True)).rows())
    assert not {"Survey of the position", "Interference", "Forged signals"} & labels.keys()


@pytest.mark.parametrize(
    ("state", "seconds", "millimetres", "text"),
    [
        (Survey.RUNNING, 30, 0, "under way for 30 s"),
        (Survey.RUNNING, 7500, 2310, "under way for 2 h 5 min, ±2.31 m so far"),
        (Survey.RUNNING, 7500, 123_456, "under way for 2 h 5 min, ±123 m so far"),
        (Survey.DONE, 86_400, 811, "done, ±0.81 m"),
        (Survey.DONE, 86_400, 0, "done"),
        (Survey.UNKNOWN, 86_400, 811, ""),
    ],
)
def test_the_survey(state: Survey, seconds: int, millimetres: int, text: str) -> None:
    assert survey(Snapshot(survey_state=state, survey_s=seconds, survey_accuracy_mm=millimetres)) == text


def test_interference_by_the_receivers_own_verdict_and_indicator() -> None:
    assert jamming(Snapshot(jamming=8, jamming_state=Jamming.OK)) == "3 %, none that matters"
    assert jamming(Snapshot(jamming=255, jamming_state=Jamming.CRITICAL)).startswith(
        "100 %, so much that there is no fix"
    )
    assert "still a fix" in jamming(Snapshot(jamming_state=Jamming.WARNING))
    assert jamming(Snapshot(jamming=128)) == "50 %"


def test_what_a_suspicion_rests_on_is_named() -> None:
    both = SpoofingEvidence.RECEIVER | SpoofingEvidence.SERVERS
    suspected = Snapshot(spoofing=Spoofing.SUSPECTED, spoofing_evidence=both)
    assert spoofing(suspected) == "suspected: the receiver says so, other time servers disagree"
    assert spoofing(Snapshot(spoofing=Spoofing.SUSPECTED)) == "suspected"
    assert spoofing(Snapshot(spoofing=Spoofing.NONE)) == "no sign of it"
