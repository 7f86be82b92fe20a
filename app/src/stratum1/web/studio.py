# SPDX-License-Identifier: MIT
"""The studio clock: the whole screen is the time, in step with the box."""

from __future__ import annotations

import math
import zoneinfo

from flask import Blueprint, render_template, request

from stratum1.web.box import Box

MOST_ZONES = 6


def dots(number: int, radius: float) -> list[tuple[float, float]]:
    """Points on a circle about the origin, from the top and clockwise."""
    return [
        (round(radius * math.sin(math.tau * i / number), 2), round(-radius * math.cos(math.tau * i / number), 2))
        for i in range(number)
    ]


def known_zones(text: str) -> tuple[list[str], list[str]]:
    """Zones named in `text`, apart by commas or spaces, and those among them that nobody knows."""
    known: list[str] = []
    unknown: list[str] = []
    for name in dict.fromkeys(text.replace(",", " ").split()):
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            unknown.append(name)
        else:
            known.append(name)
    return known[:MOST_ZONES], unknown


def room(box: Box) -> Blueprint:
    rooms = Blueprint("studio", __name__)

    @rooms.get("/clock")
    def view() -> str:
        text = request.args.get("zones", "")[:400]
        zones, unknown = known_zones(text)
        return render_template(
            "clock.html",
            main_zone=zones[0] if zones else box.settings.system.zone,
            zones=zones[1:] if zones else [],
            text=text,
            unknown=unknown,
            twelve=request.args.get("hours") == "12",
            seconds=dots(60, 92),
            hours=dots(12, 99),
            status=box.status(),
        )

    return rooms
