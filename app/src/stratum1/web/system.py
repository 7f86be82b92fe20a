# SPDX-License-Identifier: MIT
"""System: what the box is made of and how it is kept in order; restart and factory reset."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, session, url_for

import stratum1
from stratum1 import orders
from stratum1.timescale import NS_PER_S
from stratum1.web import selftest
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.web.support import machine
from stratum1.words.tongue import N_, _
from stratum1.words.units import format_duration

DOORS = (
    ("updating.view", N_("Update"), N_("A new version from a file, and the way back to the one before")),
    ("saving.view", N_("Back-up"), N_("Everything that was set, in one encrypted file, and back again")),
    ("secure.view", N_("Certificate"), N_("What browsers are shown at https, and your own instead")),
    ("keys.view", N_("NTP keys"), N_("For clients that want proof that it is this box that answers")),
    ("access.view", N_("API tokens"), N_("For programs that read or change settings")),
    ("logs.view", N_("Log"), N_("What the programs of the box said")),
    ("login.password", N_("Password"), N_("A new one; everybody else is logged out")),
)
"""(endpoint, title, what is behind it)."""


def facts(box: Box) -> list[tuple[str, str]]:
    from stratum1.update import UpdateError
    from stratum1.update.slots import Slots

    known = machine(box.paths)
    try:
        slots: Slots | None = Slots.of(box.paths)
    except UpdateError:
        slots = None
    uptime = known["uptime_s"]
    rows = [
        (N_("Version"), stratum1.__version__),
        (N_("Slot"), slots.running + (", on trial" if slots.standing().on_trial else "") if slots else ""),
        (N_("Board"), known["board"]),
        (N_("Kernel"), known["kernel"]),
        (N_("Python"), known["python"].partition(" ")[0]),
        (N_("Running for"), format_duration(int(float(uptime) * NS_PER_S)) if uptime else ""),
    ]
    return [(label, text) for label, text in rows if text]


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("system", __name__)

    @rooms.get("/system")
    @guard.only_known
    def view() -> str:
        return render_template("system.html", facts=facts(box), doors=DOORS)

    @rooms.get("/system/test")
    @guard.only_known
    def test() -> str:
        found = selftest.verdicts(box)
        worst = next((level for level in ("alarm", "warning") if any(each.level == level for each in found)), "good")
        return render_template("selftest.html", verdicts=found, worst=worst)

    @rooms.route("/system/restart", methods=["GET", "POST"])
    @guard.only_known
    def restart() -> Any:
        from stratum1.web.forms import Confirm

        form = Confirm()
        problem = ""
        if form.validate_on_submit():
            problem = order(box, "reboot")
            if not problem:
                return render_template("restarting.html", title="The box restarts")
        return render_template("restart.html", form=form, problem=problem), 422 if problem or form.errors else 200

    @rooms.route("/system/reset", methods=["GET", "POST"])
    @guard.only_known
    def reset() -> Any:
        from stratum1.web.system_forms import Password

        form = Password()
        if form.validate_on_submit():
            said, _wait = guard.refusal(form.password.data or "")
            if not said:
                try:
                    orders.factory_reset(box.paths)
                except OSError as error:
                    said = f"cannot be done: {error.strerror}"
                else:
                    session.clear()
                    box.reload()
                    return redirect(url_for("status.view"))
            form.password.errors = [said]
        return render_template("reset.html", form=form), 422 if form.errors else 200

    return rooms


def order(box: Box, word: str) -> str:
    """Hand `word` to the supervisor; one line on why that cannot be, or nothing."""
    if not box.children():
        return _("No supervisor runs that could do it: start the box anew.")
    try:
        orders.give(box.paths, word)
    except OSError as error:
        return _("The order cannot be given: {error}.").format(error=error.strerror)
    return ""
