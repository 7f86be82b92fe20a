# SPDX-License-Identifier: MIT
"""Settings: every key of the schema on one page; what is refused is refused beside its field, and nothing is lost."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from stratum1.settings import Settings, save
from stratum1.settings.schema import Web
from stratum1.web import moving, trying
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.web.trial import TRIAL_S
from stratum1.words.tongue import _

MOVING = (
    "This page moves to {where}. Open it there within {seconds} seconds, log in and choose to keep it; "
    "else it comes back to where it was."
)


def place(web: Web) -> str:
    """Where the page is found under these settings, in words."""
    return f"https and port {web.https_port} alone" if web.https == "only" else f"port {web.port}"


def keep(box: Box, wanted: Settings) -> str:
    """Take over `wanted`; one line on why it cannot be stored, or nothing."""
    try:
        if wanted.web != box.settings.web:
            box.trial.begin(box.settings.web)
        save(box.paths.settings, wanted)
    except OSError as error:
        if box.trial.pending == box.settings.web:
            box.trial.confirm()
        return _("The settings cannot be stored: {error}.").format(error=error.strerror)
    box.reload()
    return ""


def store(box: Box, wanted: Settings) -> str:
    """As keep(), and the next page says so."""
    problem = keep(box, wanted)
    if problem:
        return problem
    flash(_("Stored. The programs that it concerns take it over within a few seconds."))
    if box.trial.pending is not None:
        flash(MOVING.format(where=place(wanted.web), seconds=round(TRIAL_S)))
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
            before = moving.Before.of(box)
            problem = store(box, wanted)
            if not problem:
                return moving.answer(box, before) or redirect(url_for("configure.view"))
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
            ways=trying.notes(box),
            unstored=_(trying.UNSTORED),
        ), 422 if wrong or problem else 200

    @rooms.post("/settings/keep")
    @guard.only_known
    def stay() -> Any:
        from stratum1.web.forms import Confirm

        if Confirm().validate_on_submit():
            box.trial.confirm()
            flash(_("The page stays here."))
        return redirect(url_for("configure.view"))

    return rooms
