# SPDX-License-Identifier: MIT
"""What scripts say in the browser, for translators and for the pages that send the translations along (say.js)."""

from __future__ import annotations

from stratum1.words import tongue
from stratum1.words.tongue import N_

TEXTS = (
    # chart.js
    N_("nothing known yet"),
    N_("lowest {low}, median {middle}, highest {high}"),
    N_("{when}: nothing recorded"),
    N_("not known"),
    N_("Allan deviation"),
    N_("served clock"),
    N_("bare crystal"),
    N_("comes some seconds after the first lock"),
    N_("the crystal is not known yet"),
    N_("the crystal is steadiest over {tau} s: {deviation}"),
    # check.js
    N_("Asked by itself just now, on UDP port {port}: {words}."),
    # clock.js
    N_("Sunday"),
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Jan"),
    N_("Feb"),
    N_("Mar"),
    N_("Apr"),
    N_("May"),
    N_("Jun"),
    N_("Jul"),
    N_("Aug"),
    N_("Sep"),
    N_("Oct"),
    N_("Nov"),
    N_("Dec"),
    # copy.js
    N_("Copied"),
    N_("Press Ctrl+C"),
    N_("Copied."),
    N_("The lines are selected; press Ctrl+C."),
    # history.js
    N_("Offset of the pulse, mean and extremes"),
    N_("Jitter of the pulse"),
    N_("Error bound"),
    N_("Frequency of the oscillator"),
    N_("Temperature"),
    N_("Satellites used"),
    # live.js
    N_("{bound} from true time"),
    N_("No contact with the box for {seconds} s. What you see is old."),
    N_("Time not known"),
    # settings.js
    N_("Sending ..."),
    N_("you are logged out"),
    N_("The box cannot be asked: {why}."),
    # studio.js
    N_("NO CONTACT"),
    N_("NO CONTACT for {seconds} s"),
    N_("Time is not known"),
    N_("Within {ms} ms of true time, the screen's own delay apart"),
    # update.js
    N_("another upload is under way"),
    N_("Choose a file that is not empty."),
    N_("This file is too large to be an update."),
    N_("Refused: {why}."),
    N_("The upload broke off: {why}. Try again."),
    # updating.js
    N_("Checking the signature …"),
    N_("Writing the other slot …"),
    N_("Reading back what was written …"),
    N_("Restarting into the new version …"),
    N_("The box restarts; this page goes on by itself."),
)
"""As they stand in the scripts, where {name} is filled in."""


def spoken() -> dict[str, str]:
    """What is said otherwise than in English; empty in English, which the scripts know themselves."""
    said = {text: tongue.gettext(text) for text in TEXTS}
    return {text: translated for text, translated in said.items() if translated != text}
