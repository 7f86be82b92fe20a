# SPDX-License-Identifier: MIT
"""Sources: the receiver, its sky, and the programs that make time of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from stratum1.web.box import Box
from stratum1.web.sky import satellites
from stratum1.words import Status

PANEL_ROWS = ("Satellites", "Antenna", "Pulse", "Leap second")


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


def room(box: Box) -> Blueprint:
    rooms = Blueprint("sources", __name__)

    @rooms.get("/sources")
    def view() -> str:
        receiver, status = box.receiver(), box.status()
        return render_template(
            "sources.html",
            facts=facts(status, receiver),
            verdict=str(receiver.get("verdict") or receiver.get("problem") or "Nothing is known of the receiver yet."),
            satellites=satellites(receiver.get("satellites")),
            programs=programs(box.children()),
        )

    @rooms.get("/api/v1/receiver")
    def receiver() -> Response:
        return jsonify(box.receiver())

    @rooms.get("/api/v1/processes")
    def processes() -> Response:
        return jsonify(box.children())

    return rooms
