# SPDX-License-Identifier: MIT
"""History: charts of an hour, a day and a month, the stability, the changes of state, and the same for programs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request

from stratum1.history import SPANS, Event, Record
from stratum1.timescale import NS_PER_S, iso_utc
from stratum1.web import digest
from stratum1.web.box import Box
from stratum1.words import REASONS, Moment, format_duration, moment

EVENTS_SHOWN = 100

COLUMNS: tuple[tuple[str, Callable[[Record], float], int], ...] = (
    ("offset_ns", lambda record: record.offset_ns, 1),
    ("offset_min_ns", lambda record: record.offset_min_ns, 1),
    ("offset_max_ns", lambda record: record.offset_max_ns, 1),
    ("jitter_ns", lambda record: record.jitter_ns, 1),
    ("bound_ns", lambda record: record.bound_ns, 0),
    ("frequency_ppm", lambda record: record.frequency_ppm, 5),
    ("temperature_c", lambda record: record.temperature_c, 3),
)
"""Name with unit, where it comes from, and the digits after the point that mean something."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the table of states."""

    when: Moment | None
    state: str
    headline: str
    lasted: str


def changes(events: list[Event], zone: str, now_ns: int | None) -> list[Change]:
    """`events` newest first, each with how long it lasted where both ends are known."""
    rows = []
    until = now_ns
    for event in events:
        known = event.utc_ns is not None and until is not None and until >= event.utc_ns
        rows.append(
            Change(
                moment(event.utc_ns, zone) if event.utc_ns is not None else None,
                event.state.name,
                REASONS[event.reason].told().headline,
                format_duration(until - event.utc_ns) if known else "",  # type: ignore[operator]
            )
        )
        until = event.utc_ns
    return rows


def _plain(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits) if digits else round(value)


def table(records: list[Record]) -> dict[str, list[Any]]:
    """Columns of equal length; None where nothing was known."""
    columns: dict[str, list[Any]] = {"time_s": [record.start_s for record in records]}
    for name, value, digits in COLUMNS:
        columns[name] = [_plain(value(record), digits) for record in records]
    columns["satellites_used"] = [record.satellites for record in records]
    columns["state"] = [record.state.name for record in records]
    return columns


def csv(columns: dict[str, list[Any]]) -> Iterable[str]:
    names = list(columns)
    yield ",".join(["time_utc", *names[1:]]) + "\r\n"
    for row in zip(*columns.values(), strict=True):
        yield ",".join([iso_utc(row[0] * NS_PER_S), *("" if each is None else str(each) for each in row[1:])]) + "\r\n"


def room(box: Box) -> Blueprint:
    rooms = Blueprint("graphs", __name__)

    def served_now() -> int | None:
        status = box.status()
        return status.served_ns if status.time_known else None

    def span_asked() -> str:
        name = request.args.get("span", "hour")
        if name not in SPANS:
            abort(400, f"span {name!r} is unknown, want one of {', '.join(SPANS)}")
        return name

    def until_now() -> int:
        now = served_now()
        # A box that has lost the time still shows what it knew.
        return (now if now is not None else time.time_ns()) // NS_PER_S

    def columns_of(name: str) -> tuple[int, dict[str, list[Any]]]:
        until = until_now()
        return until, table(box.history.records(name, until))

    @rooms.get("/history")
    def view() -> str:
        zone, span = box.settings.system.zone, span_asked()
        return render_template(
            "history.html",
            spans=list(SPANS),
            span=span,
            zone=zone,
            rows=digest.rows(box.history.records(span, until_now()), span, zone),
            stability=digest.stability_rows(**box.history.stability()),
            changes=changes(box.history.events(EVENTS_SHOWN), zone, served_now()),
        )

    @rooms.get("/api/v1/history")
    def history() -> Response:
        name = span_asked()
        until, columns = columns_of(name)
        span = SPANS[name]
        return jsonify(
            {"span": name, "step_s": span.step_s, "from_s": until - span.length_s, "until_s": until, "columns": columns}
        )

    @rooms.get("/api/v1/history.csv")
    def history_csv() -> Response:
        name = span_asked()
        _, columns = columns_of(name)
        answer = Response(csv(columns), mimetype="text/csv")
        answer.headers["Content-Disposition"] = f'attachment; filename="stratum1-{name}.csv"'
        return answer

    @rooms.get("/api/v1/stability")
    def stability() -> Response:
        return jsonify(
            {
                name: [
                    {"tau_s": point.tau_s, "deviation": point.deviation, "intervals": point.intervals}
                    for point in points
                ]
                for name, points in box.history.stability().items()
            }
        )

    @rooms.get("/api/v1/events")
    def events() -> Response:
        return jsonify(
            [
                {
                    "number": event.number,
                    "time_utc": None if event.utc_ns is None else iso_utc(event.utc_ns, 3),
                    "state": event.state.name,
                    "reason": event.reason.name,
                    "headline": REASONS[event.reason].headline,
                }
                for event in box.history.events(512)
            ]
        )

    return rooms
