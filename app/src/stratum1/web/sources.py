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
        ("Receiver", str(receiver.get("name") or "") or status.receiver),
        ("Device", str(receiver.get("path") or "")),
        ("Speed", f"{speed} baud" if isinstance(speed, int) and speed > 0 else ""),
        ("Driver", str(receiver.get("driver") or "")),
        ("gpsd", str(receiver.get("gpsd") or "")),
        *((label, texts.get(label, "")) for label in PANEL_ROWS),
        ("UTC", "leap seconds known" if status.utc_valid else "leap seconds not yet known"),
        ("TAI - UTC", f"{status.tai_offset_s} s" if status.tai_offset_s else ""),
        ("Pulses", f"{status.pulses_accepted} believed, {status.pulses_rejected} refused"),
    ]
    return [(label, text) for label, text in rows if text]


def evidence(found: Memory) -> list[str]:
    """How the receiver was looked for at this start, a line for each place; empty when it was not."""
    lines = [
        f"{place.device}: {place.name or 'a receiver that takes no orders'}, understood at {place.baud} baud"
        for place in found.found
    ]
    return lines + [f"{device}: nothing was understood at any speed" for device in found.silent]


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
            verdict=str(receiver.get("verdict") or receiver.get("problem") or "Nothing is known of the receiver yet."),
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
        flash(f"{length_m:g} m of {name} and {other_ns} ns of other delay make {found} ns.")
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
