# SPDX-License-Identifier: MIT
"""The Flask application, put together from the rooms beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WSGIResponse

import stratum1
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web import (
    access,
    api,
    check,
    clients,
    configure,
    graphs,
    headers,
    help,
    keys,
    login,
    logs,
    metrics,
    moving,
    openapi,
    saving,
    secure,
    settings_api,
    sources,
    status,
    studio,
    support,
    system,
    trying,
    updating,
)
from stratum1.web.box import Box
from stratum1.web.spoken import spoken
from stratum1.words import tongue
from stratum1.words.tongue import N_

PAGES = (
    ("status.view", N_("Status")),
    ("graphs.view", N_("History")),
    ("sources.view", N_("Sources")),
    ("clients.view", N_("Clients")),
    ("help.view", N_("Help")),
    ("studio.view", N_("Clock")),
    ("configure.view", N_("Settings")),
    ("system.view", N_("System")),
)
"""What the navigation offers, in order."""

LARGEST_FORM = 65_536

CHARTS = {"vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"}
"""Fetched when a checkout is set up and when the image is built; without them the page shows tables."""


def create_app(paths: Paths, settings: Settings | None = None, *, streams: int = 6) -> Flask:
    """The page over the folders in `paths`; `settings` as given, or else read from their file."""
    return app_of(Box(paths, settings), streams=streams)


def app_of(box: Box, *, streams: int = 6) -> Flask:
    """The page of `box`; at most `streams` viewers are sent events, others ask."""
    app = Flask("stratum1.web")
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_FORM)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(tongue.gettext, tongue.ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals["tr"] = app.jinja_env.filters["translated"] = tongue.gettext
    app.extensions["box"] = box
    prints = _fingerprints(Path(app.static_folder or ""))

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=prints[name])

    @app.context_processor
    def everywhere() -> dict[str, object]:
        return {
            "asset": asset,
            "charts": prints.keys() >= CHARTS,
            "aria": _aria,
            "pages": PAGES,
            "box_name": box.settings.system.name,
            "settings_problem": box.settings_problem,
            "version": stratum1.__version__,
            "spoken": spoken(),
        }

    guard = login.Guard(app, box)
    headers.install(app, box)
    app.register_blueprint(status.room(box))
    app.register_blueprint(graphs.room(box))
    app.register_blueprint(sources.room(box, guard))
    app.register_blueprint(help.room(box))
    app.register_blueprint(api.room(box, streams))
    app.register_blueprint(check.room(box))
    app.register_blueprint(metrics.room(box))
    app.register_blueprint(openapi.room())
    app.register_blueprint(login.room(box, guard))
    app.register_blueprint(studio.room(box))
    app.register_blueprint(clients.room(box, guard))
    app.register_blueprint(configure.room(box, guard))
    app.register_blueprint(moving.room(box, guard))
    app.register_blueprint(trying.room(box, guard))
    for each in (system, updating, saving, secure, keys, access, logs, support, settings_api):
        app.register_blueprint(each.room(box, guard))
    app.register_error_handler(HTTPException, _error)
    return app


def _aria(field: Any, help: str) -> dict[str, str]:
    """What ties a control to its help and its error for who cannot see them."""
    notes = [f"{field.id}-error"] * bool(field.errors) + [f"{field.id}-help"] * bool(help)
    told = {"aria-describedby": " ".join(notes)} if notes else {}
    return {**told, "aria-invalid": "true"} if field.errors else told


def _fingerprints(folder: Path) -> dict[str, str]:
    """A short hash of each static file, so that a browser keeps it for ever and still sees a new one."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in folder.rglob("*")
        if path.is_file()
    }


ERRORS = {
    400: N_("That was not understood"),
    401: N_("Log in first"),
    403: N_("Not allowed"),
    404: N_("There is no such page"),
    405: N_("That cannot be done here"),
    413: N_("That is too large"),
    415: N_("That is of the wrong kind"),
    429: N_("Too often"),
    500: N_("Something went wrong in the box"),
    503: N_("Not now"),
}
"""What people read of an error, where the page that refused says nothing better."""


def _error(error: HTTPException) -> WSGIResponse:
    """Programs get JSON, people a page; headers like Allow stay."""
    answer = error.get_response()
    code, said = error.code or 500, error.description or error.name
    if request.path.startswith("/api/"):
        answer.data = api.problem(code, said).data
        answer.content_type = "application/json"
    else:
        own = error.description if error.description != type(error).description else ""
        name = tongue.gettext(ERRORS.get(code, error.name))
        answer.data = render_template("error.html", code=code, name=name, description=own).encode()
        answer.content_type = "text/html; charset=utf-8"
    return answer
