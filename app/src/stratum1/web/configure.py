# SPDX-License-Identifier: MIT
"""Settings: every key of the schema on one page; what is refused is refused beside its field, and nothing is lost."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from stratum1.settings import Settings, SettingsError, parse, save, text
from stratum1.web import moving
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.web.trial import TRIAL_S

MOVING = (
    "This page moves to port {port}. Open it there within {seconds} seconds, log in and choose to keep it; "
    "else it comes back to where it was."
)


def store(box: Box, wanted: Settings) -> str:
    """Take over `wanted` and say so at the next page; else one line on why it cannot be stored."""
    try:
        if wanted.web != box.settings.web:
            box.trial.begin(box.settings.web)
        save(box.paths.settings, wanted)
    except OSError as error:
        if box.trial.pending == box.settings.web:
            box.trial.confirm()
        return f"The settings cannot be stored: {error.strerror}."
    box.reload()
    flash("Stored. The programs that it concerns take it over within a few seconds.")
    if box.trial.pending is not None:
        flash(MOVING.format(port=wanted.web.port, seconds=round(TRIAL_S)))
    return ""


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("configure", __name__)

    @rooms.route("/settings", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.forms import Confirm, LogOut, Mark, SettingsForm

        form = SettingsForm(box.settings, moving.locked(box))
        problem = ""
        wanted = form.submitted()
        if wanted is not None:
            moves, before = wanted.network != box.settings.network, moving.trial(box)
            problem = store(box, wanted)
            if not problem:
                # Not a redirect: this address may be gone by the time it is followed.
                if moves and moving.wait_for_trial(box, before):
                    return moving.show(box)
                return redirect(url_for("configure.view"))
        wrong = form.wrong()
        trial = moving.trial(box)
        return render_template(
            "settings.html",
            form=form.form,
            sections=form.sections(),
            wrong=wrong,
            problem=problem,
            leave=LogOut(),
            keep=Confirm() if box.trial.here else None,
            network=box.network(),
            trial=trial,
            mark=Mark(mark=trial["mark"]) if trial else None,
        ), 422 if wrong or problem else 200

    @rooms.get("/settings/backup")
    @guard.only_known
    def backup() -> Any:
        answer = Response(text(box.settings.without_secrets()), mimetype="application/toml")
        answer.headers["Content-Disposition"] = f'attachment; filename="{box.settings.system.name}-settings.toml"'
        return answer

    @rooms.route("/settings/restore", methods=["GET", "POST"])
    @guard.only_known
    def restore() -> Any:
        from stratum1.web.forms import Restore

        form = Restore()
        if form.validate_on_submit():
            sent = request.files.get("file")
            content = sent.read() if sent else b""
            if sent is None or not content.strip():
                # An empty file would be good settings: all of them back to the defaults.
                form.file.errors = ["choose a file that is not empty"]
                return render_template("restore.html", form=form), 422
            try:
                wanted = parse(content, sent.filename or "the file")
            except SettingsError as error:
                form.file.errors = [f"{path}: {line}" for path, line in error.problems.items()]
            else:
                problem = store(box, wanted)
                if not problem:
                    return redirect(url_for("configure.view"))
                form.file.errors = [problem]
        return render_template("restore.html", form=form), 422 if form.errors else 200

    @rooms.post("/settings/keep")
    @guard.only_known
    def keep() -> Any:
        from stratum1.web.forms import Confirm

        if Confirm().validate_on_submit():
            box.trial.confirm()
            flash("The page stays here.")
        return redirect(url_for("configure.view"))

    return rooms
