# SPDX-License-Identifier: MIT
"""Every part of the box looked at once: what it is like, in a word, a line, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratum1.network import own_addresses
from stratum1.paths import Paths
from stratum1.web import check
from stratum1.web.box import Box
from stratum1.words import Status
from stratum1.words.tongue import _

GOOD, NOTE, WARNING, ALARM = "good", "note", "warning", "alarm"
LOW_DISK = 16 << 20
"""Bytes: less than this, and the history and an update may not be stored."""
HOT_C, TOO_HOT_C = 70.0, 80.0
"""From 80 degrees on a Raspberry Pi slows down."""
PULSE_LATE_S = 3.0


@dataclass(frozen=True, slots=True)
class Verdict:
    part: str
    level: str
    """good, note (not there, or of no consequence), warning or alarm."""
    words: str
    advice: str = ""
    """What to do; empty when there is nothing to be done."""


def verdicts(box: Box) -> list[Verdict]:
    """All parts, in the order in which time passes through them.  Takes up to a second: the box asks itself by NTP."""
    snapshot, now = box.reading()
    status = box.status()
    children = box.children()
    age_s = (now[0] - snapshot.last_pulse_ns) / 1e9 if snapshot and now and snapshot.last_pulse_ns else None
    found = [
        receiver(box.receiver(), status),
        pulse(status, age_s),
        clock(status),
        *responder(check.Asking(box).answers()),
        processes(children),
        panel(box.settings.panel.device, children),
        page(box),
        network(len(own_addresses())),
        disk(box.paths.data),
        temperature(box.paths),
        power(box.paths),
    ]
    return found


def receiver(said: dict[str, Any], status: Status) -> Verdict:
    if not said:
        return Verdict(
            _("Receiver"), ALARM, _("nothing is known of it"), _("The supervisor does not run; restart the box.")
        )
    problem = str(said.get("problem") or "")
    if problem:
        return Verdict(_("Receiver"), ALARM, problem, _("Seat the hat and look at its serial device in the settings."))
    words = str(said.get("verdict") or _("answers"))
    name = str(said.get("name") or status.receiver)
    level = GOOD if status.fix_mode >= 2 else WARNING
    advice = (
        "" if level == GOOD else _("Give the antenna a view of the sky, and wait up to 15 minutes after a cold start.")
    )
    return Verdict(_("Receiver"), level, f"{name}: {words}" if name else words, advice)


def pulse(status: Status, age_s: float | None) -> Verdict:
    if age_s is None:
        advice = "Look at the hat's PPS pin and at pulse.device in the settings; most hats pulse only with a fix."
        return Verdict(_("Pulse"), ALARM, _("none has come yet"), advice)
    if age_s > PULSE_LATE_S:
        return Verdict(
            _("Pulse"),
            ALARM,
            _("the last one came {age_s} s ago").format(age_s=f"{age_s:.0f}"),
            _("Look at antenna and hat."),
        )
    refused = _(", {number} refused").format(number=status.pulses_rejected) if status.pulses_rejected else ""
    where = _(" at {device}").format(device=status.pulse_device) if status.pulse_device else ""
    return Verdict(
        _("Pulse"),
        GOOD,
        _("every second{where}: {pulses_accepted} believed{refused}").format(
            where=where, pulses_accepted=status.pulses_accepted, refused=refused
        ),
    )


def clock(status: Status) -> Verdict:
    levels = {"good": GOOD, "busy": NOTE, "warning": WARNING, "alarm": ALARM}
    words = f"{status.state}: {status.headline}" + (f" {_('Bound')} {status.bound}." if status.time_known else "")
    return Verdict(_("Clock"), levels.get(status.level, ALARM), words, status.advice if status.level != "good" else "")


def responder(answers: list[check.Answer]) -> Iterator[Verdict]:
    if not answers:
        yield Verdict(
            _("NTP"), ALARM, _("IPv4 and IPv6 are both switched off"), _("Switch one on: ntp.ipv4, ntp.ipv6.")
        )
    for each in answers:
        part = f"NTP at {each.address}"
        if not each.answered:
            yield Verdict(part, ALARM, each.problem, _("See the responder's lines in the log."))
        elif each.leap == 3:
            yield Verdict(part, NOTE, _("answers, and says that its time is not to be used"), _("See the clock."))
        else:
            yield Verdict(part, GOOD, _("answers as stratum {stratum}").format(stratum=each.stratum))


def processes(children: dict[str, Any]) -> Verdict:
    if not children:
        return Verdict(_("Programs"), ALARM, _("no supervisor runs"), _("Start the box anew."))
    bad = [
        f"{name}: {said.get('why') or said.get('state')}"
        for name, said in children.items()
        if isinstance(said, dict) and said.get("state") not in ("running", "off")
    ]
    if bad:
        return Verdict(_("Programs"), ALARM, "; ".join(bad), _("See the log."))
    restarts = sum(int(said.get("restarts") or 0) for said in children.values() if isinstance(said, dict))
    words = f"{len(children)}, all as they should be"
    return Verdict(
        _("Programs"),
        GOOD,
        _("{words}, {restarts} restarts since the start").format(words=words, restarts=restarts) if restarts else words,
    )


def panel(device: str, children: dict[str, Any]) -> Verdict:
    said = children.get("panel")
    if device == "none":
        return Verdict(_("Panel"), NOTE, _("switched off in the settings"))
    if not isinstance(said, dict) or said.get("state") != "running":
        return Verdict(_("Panel"), WARNING, _("its program does not run"), _("See the log."))
    why = str(said.get("why") or "")
    return Verdict(_("Panel"), NOTE, why) if why else Verdict(_("Panel"), GOOD, _("its program runs"))


def page(box: Box) -> Verdict:
    if box.tls.problem:
        return Verdict(
            _("Page"),
            WARNING,
            _("only plain: {problem}").format(problem=box.tls.problem),
            _("Passwords cross the network in the clear."),
        )
    if box.tls.port is None:
        return Verdict(_("Page"), NOTE, _("served plain"), _("Set web.https to on, so that passwords are encrypted."))
    return Verdict(_("Page"), GOOD, _("served encrypted on port {port}").format(port=box.tls.port))


def network(addresses: int) -> Verdict:
    if not addresses:
        return Verdict(_("Network"), ALARM, _("no address"), _("Plug the network cable in, or set Wi-Fi up."))
    return Verdict(
        _("Network"),
        GOOD,
        _("{addresses} addresses").format(addresses=addresses) if addresses > 1 else _("one address"),
    )


def disk(data: Path) -> Verdict:
    advice = "Everything set from now on is gone with the power. Write a new card, and restore a back-up."
    try:
        found = os.statvfs(data)
    except OSError as error:
        return Verdict(_("Data partition"), ALARM, str(error.strerror), advice)
    if found.f_flag & os.ST_RDONLY or not os.access(data, os.W_OK):
        return Verdict(_("Data partition"), ALARM, _("cannot be written"), advice)
    free = found.f_bavail * found.f_frsize
    words = _("{free} MiB free of {all}").format(free=free >> 20, all=found.f_blocks * found.f_frsize >> 20)
    if free < LOW_DISK:
        return Verdict(_("Data partition"), WARNING, words, _("Nearly full: history and updates may not be stored."))
    return Verdict(_("Data partition"), GOOD, words)


def temperature(paths: Paths) -> Verdict:
    for zone in sorted(paths.sys.glob("class/thermal/thermal_zone*/temp")):
        try:
            degrees = int(zone.read_text(encoding="ascii")) / 1000
        except (OSError, ValueError):
            continue
        words = f"{degrees:.1f} °C at the processor"
        if degrees >= TOO_HOT_C:
            return Verdict(_("Temperature"), ALARM, words, _("It slows down. Open the case, or add a heat sink."))
        if degrees >= HOT_C:
            return Verdict(_("Temperature"), WARNING, words, _("Give it air: a clock likes it cool and steady."))
        return Verdict(_("Temperature"), GOOD, words)
    return Verdict(_("Temperature"), NOTE, _("this machine does not tell"))


def power(paths: Paths) -> Verdict:
    """The Raspberry Pi's firmware remembers, through the driver raspberrypi-hwmon, that its supply was too low."""
    for alarm in sorted(paths.sys.glob("class/hwmon/hwmon*/in0_lcrit_alarm")):
        try:
            low = alarm.read_text(encoding="ascii").strip() == "1"
        except OSError:
            continue
        if low:
            return Verdict(
                _("Power"),
                ALARM,
                _("the supply is too low"),
                _("Use the supply made for this board, and a short cable."),
            )
        return Verdict(_("Power"), GOOD, _("the supply is sufficient"))
    return Verdict(_("Power"), NOTE, _("this machine does not tell"))
