# SPDX-License-Identifier: MIT
"""Settings: every key of the schema on one page; what is refused is refused beside its field, and nothing is lost."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from stratum1.settings import save
from stratum1.web.box import Box
from stratum1.web.login import Guard


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("configure", __name__)

    @rooms.route("/settings", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.forms import LogOut, SettingsForm

        form = SettingsForm(box.settings)
        problem = ""
        wanted = form.submitted()
        if wanted is not None:
            try:
                save(box.paths.settings, wanted)
            except OSError as error:
                problem = f"The settings cannot be stored: {error.strerror}."
            else:
                moved = wanted.web != box.settings.web
                box.reload()
                flash("Stored. The programs that it concerns take it over within a few seconds.")
                if moved:
                    flash(f"This page moves to port {wanted.web.port}.")
                return redirect(url_for("configure.view"))
        wrong = form.wrong()
        return render_template(
            "settings.html",
            form=form.form,
            sections=form.sections(),
            wrong=wrong,
            problem=problem,
            leave=LogOut(),
        ), 422 if wrong or problem else 200

    return rooms
