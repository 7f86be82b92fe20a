# SPDX-License-Identifier: MIT
"""The page of the API tokens, which are shown once."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for

from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.web.once import Once
from stratum1.web.tokens import SCOPES
from stratum1.words.tongue import _


def day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds)) if seconds else _("never")


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("access", __name__)
    fresh = Once("new-token")

    @rooms.route("/system/tokens", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.forms import Confirm
        from stratum1.web.system_forms import NewToken

        form = NewToken()
        if form.validate_on_submit():
            said, _wait = guard.refusal(form.password.data or "")
            if form.scope.data not in SCOPES:
                form.scope.errors = [_("want one of {these}").format(these=", ".join(SCOPES))]
            elif said:
                form.password.errors = [said]
            else:
                try:
                    fresh.keep(guard.tokens.make(form.name.data or "", form.scope.data or ""))
                    return redirect(url_for("access.view"))
                except ValueError as error:
                    form.name.errors = [str(error)]
                except OSError as error:
                    form.name.errors = [_("cannot be stored: {error}").format(error=error.strerror)]
        return render_template(
            "tokens.html",
            form=form,
            delete=Confirm(formdata=None),
            tokens=guard.tokens.all(),
            made=fresh.take(),
            day=day,
        ), 422 if form.errors else 200

    @rooms.post("/system/tokens/<identity>/delete")
    @guard.only_known
    def delete(identity: str) -> Any:
        from stratum1.web.forms import Confirm

        if Confirm().validate_on_submit():
            try:
                if not guard.tokens.delete(identity):
                    abort(404, _("There is no such token."))
                flash(_("The token is deleted; the program that uses it is logged out."))
            except OSError as error:
                flash(_("The token cannot be deleted: {error}").format(error=error.strerror))
        return redirect(url_for("access.view"))

    return rooms
