# SPDX-License-Identifier: MIT
"""The description of /api/v1 for programs and people, as OpenAPI 3.1."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from flask import Blueprint, Response, jsonify

import stratum1
from stratum1.history import SPANS
from stratum1.settings import Settings
from stratum1.tracking import Reason, State
from stratum1.words import Status

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
STATE: Schema = {"type": "string", "enum": [state.name for state in State]}
REASON: Schema = {"type": "string", "enum": [reason.name for reason in Reason]}
INSTANT: Schema = {"type": "string", "format": "date-time"}


def maybe(schema: Schema, description: str = "") -> Schema:
    """Null while it is not known."""
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "description": description} if description else found


def record(properties: dict[str, Schema], *, more: bool = False) -> Schema:
    """An object that always has all of these keys, and unless `more` no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        **({} if more else {"additionalProperties": False}),
    }


def rows(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def table(value: Schema) -> Schema:
    return {"type": "object", "additionalProperties": value}


def _of_annotation(annotation: Any) -> Schema:
    arms = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    known = {int: WHOLE, float: NUMBER, str: TEXT, bool: FLAG}
    schema = next(known[arm] for arm in arms if arm in known)
    return maybe(schema) if type(None) in arms else schema


def status_schema() -> Schema:
    """From the dataclass that the answer is made of; keys with a unit are numbers in that unit."""
    hints = typing.get_type_hints(Status)
    names = {field.name for field in dataclasses.fields(Status)}
    special: dict[str, Schema] = {
        "state": STATE,
        "reason": REASON,
        "level": {"type": "string", "enum": ["good", "busy", "warning", "alarm"]},
        "time_utc": maybe(INSTANT),
        "stratum": {**COUNT, "description": "As on the wire: 0 is unsynchronised."},
        "texts": {**table(TEXT), "description": "Label to text, as the page lists them."},
        "labels": {**table(TEXT), "description": "The same labels in the language of the box."},
    }
    properties = {}
    for key in Status().as_dict():
        if key in special:
            properties[key] = special[key]
        elif key in names:
            properties[key] = _of_annotation(hints[key])
        else:
            raise LookupError(f"the key {key} of the status is not described")
    return record(properties)


TIME = record(
    {
        "utc_ns": maybe(WHOLE, "UTC in nanoseconds since 1970"),
        "utc_ms": maybe(NUMBER, "The same in milliseconds"),
        "bound_ns": maybe(WHOLE, "At most so far from true time, the way here apart"),
        "serves": FLAG,
        "state": STATE,
        "message": {**TEXT, "description": "The line below the time; {instant} in it stands for the time left"},
        "zones": rows(record({"offset_s": WHOLE, "next_s": WHOLE, "next_utc_s": maybe(WHOLE, "From then on next_s")})),
    }
)

HISTORY = record(
    {
        "span": {"type": "string", "enum": list(SPANS)},
        "step_s": COUNT,
        "from_s": WHOLE,
        "until_s": WHOLE,
        "columns": record(
            {
                "time_s": rows(WHOLE),
                **{
                    name: rows(maybe(NUMBER))
                    for name in (
                        "offset_ns",
                        "offset_min_ns",
                        "offset_max_ns",
                        "jitter_ns",
                        "bound_ns",
                        "frequency_ppm",
                        "temperature_c",
                    )
                },
                "satellites_used": rows(COUNT),
                "state": rows(STATE),
            }
        ),
    }
)

DEVIATIONS = rows(record({"tau_s": COUNT, "deviation": NUMBER, "intervals": COUNT}))

STABILITY = record({"served": DEVIATIONS, "crystal": DEVIATIONS})

EVENTS = rows(record({"number": COUNT, "time_utc": maybe(INSTANT), "state": STATE, "reason": REASON, "headline": TEXT}))

TRAFFIC = maybe(
    record(
        {
            "served": COUNT,
            "per_second": NUMBER,
            "per_minute": NUMBER,
            "dropped": table(COUNT),
            "versions": table(COUNT),
            "modes": table(COUNT),
            "interleaved": COUNT,
            "authenticated": COUNT,
            "overflowed": COUNT,
            "port": COUNT,
            "ipv4": FLAG,
            "ipv6": FLAG,
            "problem": TEXT,
        }
    ),
    "Null while the responder does not run",
)

CHECK = record(
    {
        "words": TEXT,
        "port": COUNT,
        "answers": rows(
            record(
                {"family": TEXT, "address": TEXT, "answered": FLAG, "problem": TEXT, "leap": COUNT, "stratum": COUNT}
            )
        ),
    }
)

CLIENTS = rows(
    record(
        {
            "address": TEXT,
            "requests": COUNT,
            "dropped": COUNT,
            "first_s": NUMBER,
            "last_s": NUMBER,
            "interval_s": NUMBER,
            "version": COUNT,
            "mode": COUNT,
        }
    )
)

ERROR = record({"error": record({"code": WHOLE, "message": TEXT})})

ZONE = {
    "name": "zone",
    "in": "query",
    "description": "A time zone whose offset is wanted too; may be repeated.",
    "schema": rows(TEXT),
}

REFUSED = record({"error": record({"code": WHOLE, "message": TEXT}), "problems": table(TEXT)})

STRANGER = ((401, "A token is wanted, or a browser that is logged in"), (429, "Too often; wait as Retry-After says"))

SPAN = {
    "name": "span",
    "in": "query",
    "description": "How far back.",
    "schema": {"type": "string", "enum": list(SPANS), "default": "hour"},
}


def settings_schema(*, secrets: bool, whole: bool) -> Schema:
    """From the schema of the settings: all of them if `whole`, else any; `secrets` can be written alone."""
    kinds: dict[type, Schema] = {bool: FLAG, int: WHOLE, float: NUMBER, str: TEXT, tuple: rows(TEXT)}
    sections = {}
    for section in dataclasses.fields(Settings):
        keys: dict[str, Schema] = {}
        for item in dataclasses.fields(section.default_factory):  # type: ignore[arg-type]
            rules = item.metadata
            if rules["secret"] and not secrets:
                continue
            default = list(item.default) if isinstance(item.default, tuple) else item.default
            unit = f" In {rules['unit']}." if rules["unit"] else ""
            keys[item.name] = {
                **kinds[type(item.default)],
                "description": rules["help"] + unit,
                "default": default,
                **({"minimum": rules["minimum"]} if rules["minimum"] is not None else {}),
                **({"maximum": rules["maximum"]} if rules["maximum"] is not None else {}),
                **({"enum": list(rules["choices"])} if rules["choices"] else {}),
                **({"writeOnly": True} if rules["secret"] else {}),
            }
        sections[section.name] = record(keys)
        if not whole:
            del sections[section.name]["required"]
    found = record(sections)
    if not whole:
        del found["required"]
    return found


def _answer(description: str, kind: str, schema: Schema) -> Schema:
    return {"description": description, "content": {kind: {"schema": schema}}}


def _problems(refusals: Any) -> Schema:
    error = {"$ref": "#/components/schemas/Error"}
    return {str(code): _answer(text, "application/json", error) for code, text in refusals}


def _get(
    summary: str,
    schema: Schema,
    *,
    kind: str = "application/json",
    parameters: Any = (),
    refusals: Any = (),
    token: bool = False,
) -> Schema:
    problems = _problems((*refusals, *(STRANGER if token else ())))
    return {
        "get": {
            "summary": summary,
            **({"security": [{"token": []}, {"session": []}]} if token else {}),
            **({"parameters": list(parameters)} if parameters else {}),
            "responses": {"200": _answer("As asked", kind, schema), **problems},
        }
    }


def _change_settings() -> Schema:
    refusals = (
        *STRANGER,
        (400, "The body is no JSON object"),
        (403, "The token may only read"),
        (413, "The body has more than 64 kB"),
        (507, "It cannot be stored"),
    )
    wanted = {"$ref": "#/components/schemas/SettingsChange"}
    return {
        "summary": "Change settings; nothing is stored unless all of it is good",
        "description": "A change of the page's own address or of the network is on trial, as it is on the page: unless "
        "somebody confirms it there within a minute, what was before comes back.",
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
        "responses": {
            "200": _answer(
                "All settings as they are now", "application/json", {"$ref": "#/components/schemas/Settings"}
            ),
            "422": _answer("What is wrong, by the setting's name; nothing was stored", "application/json", REFUSED),
            **_problems(refusals),
        },
    }


def document() -> Schema:
    """The whole description."""
    bad_span = ((400, "The span is unknown"),)
    settings = _get("All settings but secrets", {"$ref": "#/components/schemas/Settings"}, token=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stratum1",
            "version": stratum1.__version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "The time server as its page sees it. Units are in the names; null is what is not known. "
            "What wants a token takes one that the page made: Authorization: Bearer stratum1_...",
        },
        "paths": {
            "/api/v1/status": _get("All that the page says", {"$ref": "#/components/schemas/Status"}),
            "/api/v1/time": _get(
                "The time, to be asked repeatedly",
                TIME,
                parameters=[ZONE],
                refusals=((400, "A zone is unknown"),),
            ),
            "/api/v1/live": _get(
                "The status once a second as server-sent events",
                TEXT,
                kind="text/event-stream",
                refusals=((503, "All streams are taken; ask the status instead"),),
            ),
            "/api/v1/history": _get("Charts as columns", HISTORY, parameters=[SPAN], refusals=bad_span),
            "/api/v1/history.csv": _get("Charts as CSV", TEXT, kind="text/csv", parameters=[SPAN], refusals=bad_span),
            "/api/v1/stability": _get("Allan deviation of the served clock and of the bare crystal", STABILITY),
            "/api/v1/events": _get("Changes of state, newest first", EVENTS),
            "/api/v1/receiver": _get("The receiver and its satellites", table({})),
            "/api/v1/upstream": _get("The servers compared with; null while nobody is asked", maybe(table({}))),
            "/api/v1/processes": _get("The programs of the box", table({})),
            "/api/v1/check": _get("The box asks itself by NTP", CHECK),
            "/api/v1/traffic": _get("What was answered and what was not", TRAFFIC),
            "/api/v1/clients": _get("Who asks, the busiest first", CLIENTS, token=True),
            "/api/v1/clients.csv": _get("Who asks, as CSV", TEXT, kind="text/csv", token=True),
            "/api/v1/settings": {**settings, "patch": _change_settings()},
            "/api/v1/openapi.json": _get("This description", table({})),
        },
        "components": {
            "schemas": {
                "Status": status_schema(),
                "Settings": settings_schema(secrets=False, whole=True),
                "SettingsChange": settings_schema(secrets=True, whole=False),
                "Error": ERROR,
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "stratum1"},
            },
        },
    }


def room() -> Blueprint:
    rooms = Blueprint("openapi", __name__)

    @rooms.get("/api/v1/openapi.json")
    def view() -> Response:
        return jsonify(document())

    return rooms
