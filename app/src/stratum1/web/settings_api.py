# SPDX-License-Identifier: MIT
"""Settings for programs: read and changed by token, under the rules that hold for the page."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, Response, jsonify, request

from stratum1.settings import Settings, SettingsError
from stratum1.web.api import problem
from stratum1.web.box import Box
from stratum1.web.configure import keep
from stratum1.web.login import Guard


def as_dict(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every setting but the secrets, which can be set and not be read."""
    found: dict[str, dict[str, Any]] = {}
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        found[section.name] = {
            item.name: list(value) if isinstance(value := getattr(values, item.name), tuple) else value
            for item in dataclasses.fields(values)
            if not item.metadata["secret"]
        }
    return found


def changed(settings: Settings, wanted: Any) -> Settings:
    """`settings` with the keys in `wanted` as it says.

    SettingsError names every one that is bad; TypeError: `wanted` is no object.
    """
    if not isinstance(wanted, dict):
        raise TypeError
    tables: dict[str, Any] = dict(settings.tables())
    for name, table in wanted.items():
        tables[name] = {**tables.get(name, {}), **table} if isinstance(table, dict) else table
    return Settings.from_tables(tables)


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("settings_api", __name__)

    @rooms.get("/api/v1/settings")
    @guard.only_known
    def read() -> Response:
        return jsonify(as_dict(box.settings))

    @rooms.patch("/api/v1/settings")
    def change() -> Any:
        # A cookie is no token: the page of a stranger could send it along.
        stranger = guard.token_refusal("write")
        if stranger is not None:
            return stranger
        try:
            wanted = changed(box.settings, request.get_json(force=True, silent=True))
        except TypeError:
            return problem(400, 'want a JSON object of sections, such as {"ntp": {"port": 123}}'), 400
        except SettingsError as error:
            body = {
                "error": {"code": 422, "message": "nothing was stored, because of the settings in problems"},
                "problems": error.problems,
            }
            return jsonify(body), 422
        said = keep(box, wanted)
        if said:
            return problem(507, said), 507
        return jsonify(as_dict(box.settings))

    return rooms
