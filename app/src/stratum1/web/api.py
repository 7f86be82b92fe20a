# SPDX-License-Identifier: MIT
"""For programs: the same words and units as the page, as JSON, and the stream of events the page lives on."""

from __future__ import annotations

import dataclasses
import json

from flask import Blueprint, Response, abort, jsonify, request

from stratum1.timescale import NS_PER_S
from stratum1.web.box import Box
from stratum1.web.live import Feed
from stratum1.web.zones import MOST_ZONES, known_zones
from stratum1.words import offset


def problem(code: int, text: str) -> Response:
    """The form of every error under /api."""
    return jsonify({"error": {"code": code, "message": text}})


def room(box: Box, streams: int) -> Blueprint:
    rooms = Blueprint("api", __name__)

    def event() -> str:
        return json.dumps(box.status().as_dict(), separators=(",", ":"))

    feed = Feed(event, box.until_next_second_s, streams)
    box.closing.append(feed.close)

    @rooms.get("/api/v1/status")
    def status() -> Response:
        return jsonify(box.status().as_dict())

    @rooms.get("/api/v1/time")
    def time() -> Response:
        """Asked again and again by a browser's clock, so it is short.  The zones are the box's own."""
        said = box.status()
        known = said.time_known and said.served_ns is not None
        zones, unknown = known_zones(" ".join(request.args.getlist("zone")[:MOST_ZONES])[:400])
        if unknown:
            abort(400, f"time zone {unknown[0]!r} is unknown")
        second = (said.served_ns // NS_PER_S) if known and said.served_ns is not None else 0
        return jsonify(
            {
                "utc_ns": said.served_ns if known else None,
                "utc_ms": round(said.served_ns / 1e6, 3) if known and said.served_ns is not None else None,
                "bound_ns": said.bound_ns,
                "serves": said.serves,
                "state": said.state,
                "message": box.settings.panel.message,
                "zones": [dataclasses.asdict(offset(second, zone)) for zone in zones] if known else [],
            }
        )

    @rooms.get("/api/v1/live")
    def live() -> Response | tuple[Response, int]:
        stream = feed.subscribe()
        if stream is None:
            return problem(503, f"all {streams} live streams are taken, ask /api/v1/status once a second instead"), 503
        response = Response(stream, mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"
        return response

    @rooms.get("/healthz")
    def health() -> tuple[str, int, dict[str, str]]:
        """200 while time is served, 503 with the reason while it is not."""
        said = box.status()
        return f"{said.line()}\n", 200 if said.serves else 503, {"Content-Type": "text/plain; charset=utf-8"}

    return rooms
