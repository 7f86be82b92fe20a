# SPDX-License-Identifier: MIT
"""Every reason of the timekeeper as words: what is so, and what a person should do about it."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.tracking.snapshot import Antenna, Reason
from stratum1.words.tongue import N_, gettext


@dataclass(frozen=True, slots=True)
class Said:
    short: str
    """At most 21 characters: one line of the smallest panel."""
    headline: str
    advice: str
    """What to do, or that there is nothing to do."""

    def told(self) -> Said:
        """In the language of who reads."""
        return Said(*(text and gettext(text) for text in (self.short, self.headline, self.advice)))


REASONS: dict[Reason, Said] = {
    Reason.NONE: Said("", "", ""),
    Reason.STARTING: Said(N_("starting"), N_("Starting."), N_("Wait a few seconds.")),
    Reason.NO_GPSD: Said(
        N_("gpsd not running"),
        N_("gpsd, the program that talks to the receiver, does not answer."),
        N_("It is started anew by itself; if this stays, restart the box and look at the log."),
    ),
    Reason.NO_RECEIVER: Said(
        N_("no receiver found"),
        N_("No GPS receiver was found."),
        N_(
            "Switch off, seat the GPS hat firmly on all pins and switch on again; "
            "or name its serial device in the settings."
        ),
    ),
    Reason.NO_MESSAGES: Said(
        N_("receiver is silent"),
        N_("The receiver is there but sends nothing that makes sense."),
        N_("Wait a minute while speeds are tried; then check that nothing else uses its serial port."),
    ),
    Reason.NO_FIX: Said(
        N_("searching satellites"),
        N_("The receiver searches for satellites."),
        N_("Give the antenna a free view of the sky. The first time takes up to 15 minutes."),
    ),
    Reason.UTC_UNVERIFIED: Said(
        N_("waiting for UTC data"),
        N_("The receiver does not yet know the leap seconds between GPS time and UTC."),
        N_("Leave it alone: the satellites send them every 12.5 minutes."),
    ),
    Reason.DATE_IMPLAUSIBLE: Said(
        N_("date not plausible"),
        N_("The receiver's date cannot be true."),
        N_(
            "Wait some minutes; if it stays, the receiver's firmware is too old for today's GPS weeks: "
            "update or replace it."
        ),
    ),
    Reason.NO_PULSE_DEVICE: Said(
        N_("no pulse input"),
        N_("There is no pulse input (PPS)."),
        N_("Check that the hat's PPS pin is wired and the line named in the settings is the right one."),
    ),
    Reason.NO_PULSE: Said(
        N_("no pulse yet"),
        N_("The pulse input is there, but no pulse has come."),
        N_("Most receivers pulse only after their first fix; then check the PPS wire and its line in the settings."),
    ),
    Reason.PULSE_NOT_1HZ: Said(
        N_("pulse is not 1 Hz"),
        N_("What comes in at the pulse input is not one pulse a second."),
        N_("Choose the right PPS line in the settings, or set the receiver's time pulse to 1 Hz."),
    ),
    Reason.LABELS_AMBIGUOUS: Said(
        N_("second is ambiguous"),
        N_("The messages come so near to the pulse that it is unsure which second they name."),
        N_("Raise the receiver's serial speed or switch off messages that nobody needs."),
    ),
    Reason.LABELS_DISAGREE: Said(
        N_("seconds disagree"),
        N_("Messages and pulses do not agree on which second it is."),
        N_("Wait some minutes for the receiver to settle; if it stays, restart the receiver."),
    ),
    Reason.SETTLING: Said(
        N_("settling"), N_("Pulses and messages agree; the clock is being measured."), N_("Wait a few seconds.")
    ),
    Reason.TRACKING: Said(
        N_("following the pulse"), N_("Following the pulse of the GPS receiver."), N_("Nothing to do.")
    ),
    Reason.PULSE_LOST: Said(
        N_("pulse lost"),
        N_("The pulse has stopped; the clock runs on what it has learned."),
        N_("Check the antenna, its cable and the hat."),
    ),
    Reason.FIX_LOST: Said(
        N_("satellites lost"),
        N_("The receiver has lost the satellites; the clock runs on what it has learned."),
        N_("Check the antenna and its cable, and what may cover or jam it."),
    ),
    Reason.MESSAGES_LOST: Said(
        N_("receiver went silent"),
        N_("The receiver sends no messages any more; the clock runs on what it has learned."),
        N_("Check that the hat sits firmly; the receiver is opened anew by itself."),
    ),
    Reason.PULSE_OUTLIERS: Said(
        N_("pulses are disturbed"),
        N_("The pulses jump about and are not believed; the clock runs on what it has learned."),
        N_("Look for a loose PPS wire, a bad power supply or a source of interference."),
    ),
    Reason.BOUND_EXCEEDED: Said(
        N_("time too uncertain"),
        N_("Without pulses the error has become larger than the limit."),
        N_("Bring the receiver back: check antenna, cable and hat. Clients are told not to use this time."),
    ),
    Reason.HOLDOVER_EXPIRED: Said(
        N_("holdover has ended"),
        N_("The time without pulses has passed the limit."),
        N_("Bring the receiver back: check antenna, cable and hat. Clients are told not to use this time."),
    ),
    Reason.CLOCK_STEPPED: Said(
        N_("clock was set"),
        N_("Another program has set the clock of this machine."),
        N_("Stop the other time service (chrony, ntpd, systemd-timesyncd); the time is found again by itself."),
    ),
    Reason.STOPPED_BY_USER: Said(
        N_("serving switched off"),
        N_("Serving time is switched off in the settings."),
        N_("Switch timekeeper.serving on to serve again."),
    ),
    Reason.TIMEKEEPER_SILENT: Said(
        N_("timekeeper stopped"),
        N_("The timekeeper is not running."),
        N_("It is started anew by itself; if this stays, look at the log or restart the box."),
    ),
    Reason.SPOOFING_SUSPECTED: Said(
        N_("GPS not believed"),
        N_("The GPS signal contradicts the clock: it may be forged."),
        N_("Check the antenna's surroundings for jammers or repeaters; compare with another time server."),
    ),
    Reason.LEAP_UNKNOWN: Said(
        N_("leap second unknown"),
        N_("At this instant there may be a leap second, and nobody has told whether there is one."),
        N_("Nothing to do: served again some seconds after the receiver has named the second behind it."),
    ),
}

ANTENNA: dict[Antenna, Said] = {
    Antenna.UNKNOWN: Said(N_("antenna: cannot tell"), "", ""),
    Antenna.OK: Said(N_("antenna OK"), "", ""),
    Antenna.OPEN: Said(
        N_("antenna not connected"), N_("No antenna is connected."), N_("Screw the antenna on, or replace its cable.")
    ),
    Antenna.SHORT: Said(
        N_("antenna short circuit"),
        N_("The antenna has a short circuit."),
        N_("Unplug the antenna and replace it or its cable."),
    ),
}
