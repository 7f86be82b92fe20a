# SPDX-License-Identifier: MIT
"""Help for clients: what to type where, whether the box answers, and whether it is fit for the public pool."""

from __future__ import annotations

import time

from flask import Blueprint, render_template, request

from stratum1.timescale import NS_PER_S
from stratum1.web.box import Box
from stratum1.web.guide import host_of, own, recipes
from stratum1.web.pool import readiness


def room(box: Box) -> Blueprint:
    rooms = Blueprint("help", __name__)

    @rooms.get("/help")
    def view() -> str:
        host = host_of(request.host) or box.settings.system.name
        addresses, said = box.addresses(), box.status()
        known = said.time_known and said.served_ns is not None
        now_s = (said.served_ns if known and said.served_ns is not None else time.time_ns()) // NS_PER_S
        return render_template(
            "help.html",
            host=host,
            addresses=addresses,
            recipes=recipes(host, box.settings.ntp.port, own(addresses, 4), own(addresses, 6)),
            readiness=readiness(
                box.settings, addresses, said, box.counters.read(), box.history.records("month", now_s), now_s
            ),
        )

    return rooms
