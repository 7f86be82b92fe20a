# SPDX-License-Identifier: MIT
"""First visit, log-in, log-out and a new password."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, session, url_for

from stratum1.settings import SettingsError, save
from stratum1.web.api import problem
from stratum1.web.box import Box
from stratum1.web.guide import host_of, is_private_name
from stratum1.web.password import Passwords, session_key, weakness
from stratum1.web.throttle import Throttle

STAYS = timedelta(hours=12)
View = Callable[..., Any]


class Guard:
    """Who may change something; one for the whole application."""

    def __init__(self, app: Flask, box: Box) -> None:
        self.passwords = Passwords(box.paths.web_password)
        self.throttle = Throttle()
        app.secret_key = session_key(box.paths.web_secret)
        app.config.update(
            SESSION_COOKIE_NAME="stratum1",
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Strict",
            PERMANENT_SESSION_LIFETIME=STAYS,
            # A form that was left open overnight still wants a fresh page: as long as the session.
            WTF_CSRF_TIME_LIMIT=int(STAYS.total_seconds()),
        )

    @property
    def known(self) -> bool:
        """Whether this request comes from somebody who gave the present password."""
        mark = self.passwords.mark
        return bool(mark) and session.get("mark") == mark

    def let_in(self) -> None:
        session.clear()
        session.permanent = True
        session["mark"] = self.passwords.mark

    def only_known(self, view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.known:
                return view(*args, **kwargs)
            if request.path.startswith("/api/"):
                return problem(401, "log in first"), 401
            return redirect(url_for("login.log_in" if self.passwords.chosen else "login.welcome"))

        return guarded


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("login", __name__)

    @rooms.route("/welcome", methods=["GET", "POST"])
    def welcome() -> Any:
        from stratum1.web.forms import Welcome

        if guard.passwords.chosen:
            return redirect(url_for("configure.view"))
        host = host_of(request.host)
        if host is None or not is_private_name(host):
            abort(
                403, "Open this page by the address of the box, like http://192.168.1.5, to choose the first password."
            )
        form = Welcome(name=box.settings.system.name, zone=box.settings.system.zone)
        if form.validate_on_submit() and _store_first(box, guard, form):
            guard.let_in()
            flash("Welcome. Everything below works as it is; change what you like.")
            return redirect(url_for("configure.view"))
        return render_template("welcome.html", form=form), 422 if form.errors else 200

    @rooms.route("/login", methods=["GET", "POST"])
    def log_in() -> Any:
        from stratum1.web.forms import LogIn

        if not guard.passwords.chosen:
            return redirect(url_for("login.welcome"))
        if guard.known:
            return redirect(url_for("configure.view"))
        form = LogIn()
        status, headers = 200, {}
        if form.validate_on_submit():
            address = request.remote_addr or ""
            wait = guard.throttle.wait_s(address, time.monotonic())
            if wait > 0:
                seconds = math.ceil(wait)
                form.password.errors = [f"too many wrong passwords: try again in {seconds} s"]
                status, headers = 429, {"Retry-After": str(seconds)}
            elif guard.passwords.matches(form.password.data or ""):
                guard.throttle.succeeded(address)
                guard.let_in()
                return redirect(url_for("configure.view"))
            else:
                guard.throttle.failed(address, time.monotonic())
                form.password.errors = ["this is not the password"]
                status = 403
        return render_template("login.html", form=form), status, headers

    @rooms.post("/logout")
    def log_out() -> Any:
        from stratum1.web.forms import LogOut

        if LogOut().validate_on_submit():
            session.clear()
        return redirect(url_for("status.view"))

    @rooms.route("/password", methods=["GET", "POST"])
    @guard.only_known
    def password() -> Any:
        from stratum1.web.forms import NewPassword

        form = NewPassword()
        if form.validate_on_submit():
            address, now = request.remote_addr or "", time.monotonic()
            if guard.throttle.wait_s(address, now) > 0:
                form.old.errors = ["too many wrong passwords: wait a while"]
            elif not guard.passwords.matches(form.old.data or ""):
                guard.throttle.failed(address, now)
                form.old.errors = ["this is not the password"]
            elif _chosen_well(form, box.settings.system.name) and _stored(guard, form):
                guard.let_in()
                flash("The password is changed; everybody else is logged out.")
                return redirect(url_for("configure.view"))
        return render_template("password.html", form=form), 422 if form.errors else 200

    return rooms


def _chosen_well(form: Any, name: str) -> bool:
    problem = weakness(form.password.data or "", name)
    if problem:
        form.password.errors = [problem]
    if form.again.data != form.password.data:
        form.again.errors = ["is not the same"]
    return not form.errors


def _stored(guard: Guard, form: Any) -> bool:
    try:
        guard.passwords.choose(form.password.data)
    except OSError as error:
        form.password.errors = [f"cannot be stored: {error.strerror}"]
        return False
    return True


def _store_first(box: Box, guard: Guard, form: Any) -> bool:
    settings = box.settings
    for field, path in ((form.name, "system.name"), (form.zone, "system.zone")):
        try:
            settings = settings.changed(path, (field.data or "").strip())
        except SettingsError as error:
            field.errors = list(error.problems.values())
    if not _chosen_well(form, settings.system.name):
        return False
    try:
        save(box.paths.settings, settings)
    except OSError as error:
        form.name.errors = [f"cannot be stored: {error.strerror}"]
        return False
    box.reload()
    return _stored(guard, form)
