# SPDX-License-Identifier: MIT
"""The studio clock: the whole screen is the time, in step with the box."""

from __future__ import annotations

import math

from flask import Blueprint, render_template, request

from stratum1.web.box import Box
from stratum1.web.zones import known_zones


def dots(number: int, radius: float) -> list[tuple[float, float]]:
    """Points on a circle about the origin, from the top and clockwise."""
    return [
        (round(radius * math.sin(math.tau * i / number), 2), round(-radius * math.cos(math.tau * i / number), 2))
        for i in range(number)
    ]


def room(box: Box) -> Blueprint:
    rooms = Blueprint("studio", __name__)

    @rooms.get("/clock")
    def view() -> str:
        text = request.args.get("zones", "")[:400]
        zones, unknown = known_zones(text)
        return render_template(
            "clock.html",
            zones=zones or [box.settings.system.zone],
            text=text,
            unknown=unknown,
            twelve=request.args.get("hours") == "12",
            seconds=dots(60, 92),
            hours=dots(12, 99),
            status=box.status(),
        )

    return rooms
