# SPDX-License-Identifier: MIT
"""Every reason of the timekeeper as words: what is so, and what a person should do about it."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.tracking.snapshot import Antenna, Reason


@dataclass(frozen=True, slots=True)
class Said:
    short: str
    """At most 21 characters: one line of the smallest panel."""
    headline: str
    advice: str
    """What to do, or that there is nothing to do."""


REASONS: dict[Reason, Said] = {
    Reason.NONE: Said("", "", ""),
    Reason.STARTING: Said("starting", "Starting.", "Wait a few seconds."),
    Reason.NO_GPSD: Said(
        "gpsd not running",
        "gpsd, the program that talks to the receiver, does not answer.",
        "It is started anew by itself; if this stays, restart the box and look at the log.",
    ),
    Reason.NO_RECEIVER: Said(
        "no receiver found",
        "No GPS receiver was found.",
        "Switch off, seat the GPS hat firmly on all pins and switch on again; "
        "or name its serial device in the settings.",
    ),
    Reason.NO_MESSAGES: Said(
        "receiver is silent",
        "The receiver is there but sends nothing that makes sense.",
        "Wait a minute while speeds are tried; then check that nothing else uses its serial port.",
    ),
    Reason.NO_FIX: Said(
        "searching satellites",
        "The receiver searches for satellites.",
        "Give the antenna a free view of the sky. The first time takes up to 15 minutes.",
    ),
    Reason.UTC_UNVERIFIED: Said(
        "waiting for UTC data",
        "The receiver does not yet know the leap seconds between GPS time and UTC.",
        "Leave it alone: the satellites send them every 12.5 minutes.",
    ),
    Reason.DATE_IMPLAUSIBLE: Said(
        "date not plausible",
        "The receiver's date cannot be true.",
        "Wait some minutes; if it stays, the receiver's firmware is too old for today's GPS weeks: "
        "update or replace it.",
    ),
    Reason.NO_PULSE_DEVICE: Said(
        "no pulse input",
        "There is no pulse input (PPS).",
        "Check that the hat's PPS pin is wired and the line named in the settings is the right one.",
    ),
    Reason.NO_PULSE: Said(
        "no pulse yet",
        "The pulse input is there, but no pulse has come.",
        "Most receivers pulse only after their first fix; then check the PPS wire and its line in the settings.",
    ),
    Reason.PULSE_NOT_1HZ: Said(
        "pulse is not 1 Hz",
        "What comes in at the pulse input is not one pulse a second.",
        "Choose the right PPS line in the settings, or set the receiver's time pulse to 1 Hz.",
    ),
    Reason.LABELS_AMBIGUOUS: Said(
        "second is ambiguous",
        "The messages come so near to the pulse that it is unsure which second they name.",
        "Raise the receiver's serial speed or switch off messages that nobody needs.",
    ),
    Reason.LABELS_DISAGREE: Said(
        "seconds disagree",
        "Messages and pulses do not agree on which second it is.",
        "Wait some minutes for the receiver to settle; if it stays, restart the receiver.",
    ),
    Reason.SETTLING: Said("settling", "Pulses and messages agree; the clock is being measured.", "Wait a few seconds."),
    Reason.TRACKING: Said("following the pulse", "Following the pulse of the GPS receiver.", "Nothing to do."),
    Reason.PULSE_LOST: Said(
        "pulse lost",
        "The pulse has stopped; the clock runs on what it has learned.",
        "Check the antenna, its cable and the hat.",
    ),
    Reason.FIX_LOST: Said(
        "satellites lost",
        "The receiver has lost the satellites; the clock runs on what it has learned.",
        "Check the antenna and its cable, and what may cover or jam it.",
    ),
    Reason.MESSAGES_LOST: Said(
        "receiver went silent",
        "The receiver sends no messages any more; the clock runs on what it has learned.",
        "Check that the hat sits firmly; the receiver is opened anew by itself.",
    ),
    Reason.PULSE_OUTLIERS: Said(
        "pulses are disturbed",
        "The pulses jump about and are not believed; the clock runs on what it has learned.",
        "Look for a loose PPS wire, a bad power supply or a source of interference.",
    ),
    Reason.BOUND_EXCEEDED: Said(
        "time too uncertain",
        "Without pulses the error has become larger than the limit.",
        "Bring the receiver back: check antenna, cable and hat. Clients are told not to use this time.",
    ),
    Reason.HOLDOVER_EXPIRED: Said(
        "holdover has ended",
        "The time without pulses has passed the limit.",
        "Bring the receiver back: check antenna, cable and hat. Clients are told not to use this time.",
    ),
    Reason.CLOCK_STEPPED: Said(
        "clock was set",
        "Another program has set the clock of this machine.",
        "Stop the other time service (chrony, ntpd, systemd-timesyncd); the time is found again by itself.",
    ),
    Reason.STOPPED_BY_USER: Said(
        "serving switched off",
        "Serving time is switched off in the settings.",
        "Switch timekeeper.serving on to serve again.",
    ),
    Reason.TIMEKEEPER_SILENT: Said(
        "timekeeper stopped",
        "The timekeeper is not running.",
        "It is started anew by itself; if this stays, look at the log or restart the box.",
    ),
    Reason.SPOOFING_SUSPECTED: Said(
        "GPS not believed",
        "The GPS signal contradicts the clock: it may be forged.",
        "Check the antenna's surroundings for jammers or repeaters; compare with another time server.",
    ),
}

ANTENNA: dict[Antenna, Said] = {
    Antenna.UNKNOWN: Said("antenna: cannot tell", "", ""),
    Antenna.OK: Said("antenna OK", "", ""),
    Antenna.OPEN: Said(
        "antenna not connected", "No antenna is connected.", "Screw the antenna on, or replace its cable."
    ),
    Antenna.SHORT: Said(
        "antenna short circuit", "The antenna has a short circuit.", "Unplug the antenna and replace it or its cable."
    ),
}
