# SPDX-License-Identifier: MIT
"""Sources: the receiver, its sky and its cable, the servers compared with, and the programs that make time of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, url_for

from stratum1 import upstream
from stratum1.receiver.memory import Memory, load
from stratum1.web.box import Box
from stratum1.web.cable import delay_ns
from stratum1.web.configure import store
from stratum1.web.login import Guard
from stratum1.web.overheard import Overheard
from stratum1.web.peers import rows as peers
from stratum1.web.sky import constellations, satellites
from stratum1.words import TALLIES, Status, compare
from stratum1.words.tongue import N_, _

PANEL_ROWS = (
    "Satellites",
    "Antenna",
    "Survey of the position",
    "Interference",
    "Forged signals",
    "Pulse",
    "Leap second",
)


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    state: str
    restarts: int
    why: str


def programs(children: dict[str, Any]) -> list[Program]:
    """What the supervisor says of its children, in its order."""
    found = []
    for name, said in children.items():
        if isinstance(said, dict):
            restarts = said.get("restarts")
            found.append(
                Program(
                    name,
                    str(said.get("state") or ""),
                    restarts if isinstance(restarts, int) else 0,
                    str(said.get("why") or ""),
                )
            )
    return found


def facts(status: Status, receiver: dict[str, Any]) -> list[tuple[str, str]]:
    """(label, text) of what is known of the receiver."""
    texts = dict(status.rows())
    speed = receiver.get("baud")
    rows = [
        (N_("Receiver"), str(receiver.get("name") or "") or status.receiver),
        (N_("Device"), str(receiver.get("path") or "")),
        (N_("Speed"), _("{number} baud").format(number=speed) if isinstance(speed, int) and speed > 0 else ""),
        (N_("Driver"), str(receiver.get("driver") or "")),
        ("gpsd", str(receiver.get("gpsd") or "")),
        *((label, texts.get(label, "")) for label in PANEL_ROWS),
        (N_("UTC"), _("leap seconds known") if status.utc_valid else _("leap seconds not yet known")),
        (N_("TAI - UTC"), f"{status.tai_offset_s} s" if status.tai_offset_s else ""),
        (
            N_("Pulses"),
            _("{good} believed, {bad} refused").format(good=status.pulses_accepted, bad=status.pulses_rejected),
        ),
    ]
    return [(label, text) for label, text in rows if text]


def evidence(found: Memory) -> list[str]:
    """How the receiver was looked for at this start, a line for each place; empty when it was not."""
    lines = [
        _("{device}: {name}, understood at {number} baud").format(
            device=place.device, name=place.name or _("a receiver that takes no orders"), number=place.baud
        )
        for place in found.found
    ]
    return lines + [_("{device}: nothing was understood at any speed").format(device=device) for device in found.silent]


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("sources", __name__)
    overheard = Overheard()

    def page(form: Any, code: int = 200) -> tuple[str, int]:
        receiver, status = box.receiver(), box.status()
        named = bool(box.settings.upstream.servers)
        others = upstream.read(box.paths) if named else None
        sky = satellites(receiver.get("satellites"))
        return render_template(
            "sources.html",
            facts=facts(status, receiver),
            verdict=str(
                receiver.get("verdict") or receiver.get("problem") or _("Nothing is known of the receiver yet.")
            ),
            evidence=evidence(load(box.paths.receiver_answer)),
            satellites=sky,
            constellations=constellations(sky),
            programs=programs(box.children()),
            comparison=compare(others) if named else None,
            peers=peers(others),
            tallies=TALLIES,
            form=form,
            delay_ns=box.settings.pulse.delay_ns,
        ), code

    @rooms.get("/sources")
    def view() -> Any:
        from stratum1.web.forms import AntennaDelay

        return page(AntennaDelay() if guard.known else None)

    @rooms.post("/sources/delay")
    @guard.only_known
    def delay() -> Any:
        from stratum1.web.forms import AntennaDelay

        form = AntennaDelay()
        if not form.validate_on_submit():
            return page(form, 422)
        length_m, other_ns = float(form.length_m.data), int(form.other_ns.data)
        found = delay_ns(form.cable.data, length_m, other_ns)
        problem = store(box, box.settings.changed("pulse.delay_ns", found))
        if problem:
            form.length_m.errors = [problem]
            return page(form, 422)
        name = form.cable.data.partition(" (")[0]
        flash(
            _("{length_m} m of {name} and {other_ns} ns of other delay make {found} ns.").format(
                length_m=f"{length_m:g}", name=name, other_ns=other_ns, found=found
            )
        )
        return redirect(url_for("sources.view"))

    @rooms.get("/sources/raw")
    @guard.only_known
    def raw() -> str:
        return render_template("raw.html", lines=overheard.lines(box.settings.receiver.gpsd_port))

    @rooms.get("/api/v1/upstream")
    def servers() -> Response:
        found = upstream.read(box.paths)
        return jsonify(found.as_dict() if found else None)

    @rooms.get("/api/v1/receiver")
    def receiver() -> Response:
        return jsonify(box.receiver())

    @rooms.get("/api/v1/processes")
    def processes() -> Response:
        return jsonify(box.children())

    return rooms
