# SPDX-License-Identifier: MIT
"""What is said of survey, interference and forged signals; nothing where the receiver cannot say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.panel.pages import sources_page
from stratum1.panel.world import World
from stratum1.tracking import Snapshot
from stratum1.tracking.snapshot import Jamming, Spoofing, SpoofingEvidence, Survey
from stratum1.words import describe
from stratum1.words.reception import jamming, short, spoofing, survey


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


@given(
    state=st.sampled_from(Survey),
    seconds=st.integers(0, 2**32 - 1),
    millimetres=st.integers(0, 2**32 - 1),
    indicator=st.integers(0, 255),
    jammed=st.sampled_from(Jamming),
    forged=st.sampled_from(Spoofing),
)
def test_the_short_line_fits_the_smallest_panel(
    state: Survey, seconds: int, millimetres: int, indicator: int, jammed: Jamming, forged: Spoofing
) -> None:
    line = short(
        Snapshot(
            survey_state=state,
            survey_s=seconds,
            survey_accuracy_mm=millimetres,
            jamming=indicator,
            jamming_state=jammed,
            spoofing=forged,
        )
    )
    assert len(line) <= 21 and (forged is not Spoofing.SUSPECTED or line == "forged signals?")


def test_the_panel_tells_how_far_the_survey_is() -> None:
    running = Snapshot(survey_state=Survey.RUNNING, survey_s=7500, survey_accuracy_mm=2310)
    status = describe(running, (10**18, 1000, True))
    assert status.reception == "survey 2:05 ±2.3 m"
    assert "survey 2:05 ±2.3 m" in {sources_page(World(status=status, second=n)).text for n in range(12)}
    assert short(Snapshot(survey_state=Survey.DONE, survey_accuracy_mm=811)) == "position ±0.8 m"
