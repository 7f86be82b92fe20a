# SPDX-License-Identifier: MIT
"""The first view: the panel's words large, the clock, and how to use it."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from stratum1.web.box import Box
from stratum1.web.guide import host_of

HEADLINE_ROWS = frozenset({"State", "Because", "To do", "Progress", "Time", "UTC"})
"""Rows that the head of the page already says."""


def room(box: Box) -> Blueprint:
    rooms = Blueprint("status", __name__)

    @rooms.get("/")
    def view() -> str:
        said = box.status()
        return render_template(
            "status.html",
            status=said,
            rows=[row for row in said.rows() if row[0] not in HEADLINE_ROWS],
            host=host_of(request.host) or box.settings.system.name,
            port=box.settings.ntp.port,
            zone=box.settings.system.zone,
        )

    return rooms
