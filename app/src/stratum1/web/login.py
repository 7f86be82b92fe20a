# SPDX-License-Identifier: MIT
"""First visit, log-in, log-out and a new password."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, session, url_for

from stratum1.settings import SettingsError, save
from stratum1.web.api import problem
from stratum1.web.box import Box
from stratum1.web.guide import host_of, is_private_name
from stratum1.web.password import Passwords, session_key, weakness
from stratum1.web.throttle import Pace, Throttle
from stratum1.web.tokens import Tokens
from stratum1.words.tongue import _

STAYS = timedelta(hours=12)
TOKEN_PER_MINUTE, TOKEN_BURST = 120, 60
"""How often a program may come with its token."""
View = Callable[..., Any]


class Guard:
    """Who may change something; one for the whole application."""

    def __init__(self, app: Flask, box: Box) -> None:
        self.passwords = Passwords(box.paths.web_password)
        self.tokens = Tokens(box.paths.api_tokens)
        self.throttle = Throttle()
        self.pace = Pace(TOKEN_PER_MINUTE, TOKEN_BURST)
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

    def refusal(self, password: str) -> tuple[str, int]:
        """Why `password` is not taken, and for how many seconds no other will be; ("", 0) when it is the right one."""
        address, now = request.remote_addr or "", time.monotonic()
        wait = math.ceil(self.throttle.wait_s(address, now))
        if wait > 0:
            return _("too many wrong passwords: try again in {wait} s").format(wait=wait), wait
        if not self.passwords.matches(password):
            self.throttle.failed(address, now)
            return _("this is not the password"), 0
        self.throttle.succeeded(address)
        return "", 0

    def token_refusal(self, scope: str) -> Response | None:
        """What a program is answered whose token does not do for `scope`; None when it does."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        address, now = request.remote_addr or "", time.monotonic()
        if kind.lower() != "bearer":
            return refuse(401, "log in, or send a token: Authorization: Bearer ...")
        wait = self.throttle.wait_s(address, now)
        if wait > 0:
            return refuse(429, "too many wrong tokens or passwords: wait", wait)
        found = self.tokens.find(token.strip())
        if found is None:
            self.throttle.failed(address, now)
            return refuse(401, "this token is none of this box")
        if scope == "write" and found.scope != "write":
            return refuse(403, "this token may only read")
        wait = self.pace.take(found.id, now)
        return refuse(429, "too many requests with this token: wait", wait) if wait > 0 else None

    def only_known(self, view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.known:
                return view(*args, **kwargs)
            if request.path.startswith("/api/"):
                refused = self.token_refusal("read")
                return view(*args, **kwargs) if refused is None else refused
            return redirect(url_for("login.log_in" if self.passwords.chosen else "login.welcome"))

        return guarded


def refuse(code: int, said: str, wait_s: float = 0.0) -> Response:
    answer = problem(code, said)
    answer.status_code = code
    if code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if wait_s:
        answer.headers["Retry-After"] = str(math.ceil(wait_s))
    return answer


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
            flash(_("Welcome. Everything below works as it is; change what you like."))
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
        status = 200
        headers: dict[str, str] = {}
        if form.validate_on_submit():
            said, seconds = guard.refusal(form.password.data or "")
            if not said:
                guard.let_in()
                return redirect(url_for("configure.view"))
            form.password.errors = [said]
            status, headers = (429, {"Retry-After": str(seconds)}) if seconds else (403, {})
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
            said, _code = guard.refusal(form.old.data or "")
            if said:
                form.old.errors = [said]
            elif _chosen_well(form, box.settings.system.name) and _stored(guard, form):
                guard.let_in()
                flash(_("The password is changed; everybody else is logged out."))
                return redirect(url_for("configure.view"))
        return render_template("password.html", form=form), 422 if form.errors else 200

    return rooms


def _chosen_well(form: Any, name: str) -> bool:
    problem = weakness(form.password.data or "", name)
    if problem:
        form.password.errors = [problem]
    if form.again.data != form.password.data:
        form.again.errors = [_("is not the same")]
    return not form.errors


def _stored(guard: Guard, form: Any) -> bool:
    try:
        guard.passwords.choose(form.password.data)
    except OSError as error:
        form.password.errors = [_("cannot be stored: {error}").format(error=error.strerror)]
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
        form.name.errors = [_("cannot be stored: {error}").format(error=error.strerror)]
        return False
    box.reload()
    return _stored(guard, form)
