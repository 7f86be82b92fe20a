# SPDX-License-Identifier: MIT
"""The page of back-up and restore; backup.py says what is in the file."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for

from stratum1.web import backup, certificate, moving
from stratum1.web.box import Box
from stratum1.web.certificate import CertificateError
from stratum1.web.configure import store
from stratum1.web.login import Guard
from stratum1.web.password import weakness
from stratum1.words.tongue import _


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("saving", __name__)

    @rooms.route("/system/backup", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.system_forms import Backup, Restore

        form = Backup()
        if form.validate_on_submit() and _good(form, box.settings.system.name):
            try:
                return _file(box, form.passphrase.data)
            except OSError as error:
                form.passphrase.errors = [_("cannot be made: {error}").format(error=error.strerror)]
        answer = render_template("backup.html", form=form, restore=Restore(formdata=None))
        return answer, 422 if form.errors else 200

    @rooms.post("/system/restore")
    @guard.only_known
    def restore() -> Any:
        from stratum1.web.system_forms import Backup, Restore

        # A back-up is larger than any form; it is read only by who is logged in.
        request.max_content_length = backup.LARGEST + 16_384
        form = Restore()
        before = moving.Before.of(box)
        if form.validate_on_submit() and _put_back(box, guard, form):
            return moving.answer(box, before) or redirect(url_for("system.view"))
        return render_template("backup.html", form=Backup(formdata=None), restore=form), 422

    return rooms


def _good(form: Any, name: str) -> bool:
    problem = weakness(form.passphrase.data or "", name)
    if problem:
        form.passphrase.errors = [problem]
    if form.again.data != form.passphrase.data:
        form.again.errors = [_("is not the same")]
    return not form.errors


def _file(box: Box, passphrase: str) -> Response:
    served = box.status()
    made = f"{served.date_utc} {served.time_utc} UTC" if served.time_known else ""
    answer = Response(backup.make(box.paths, box.settings, passphrase, made), mimetype="application/octet-stream")
    day = time.strftime("%Y%m%d", time.gmtime())
    name = f"{box.settings.system.name}-{day}.stratum1-backup"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _put_back(box: Box, guard: Guard, form: Any) -> bool:
    """Whether all of it is back; else the form says why, and nothing was changed."""
    said, _wait = guard.refusal(form.password.data or "")
    if said:
        form.password.errors = [said]
        return False
    sent = request.files.get("file")
    content = sent.read() if sent else b""
    try:
        found = backup.read(content, form.passphrase.data or "", box.settings)
        backup.put_back(box.paths, found)
    except backup.BackupError as error:
        # A wrong passphrase and a torn file cannot be told apart; it stands where both are looked for.
        form.file.errors = [str(error)]
        return False
    except OSError as error:
        form.file.errors = [_("cannot be stored: {error}").format(error=error.strerror)]
        return False
    problem = store(box, found.settings)
    if problem:
        form.file.errors = [problem]
        return False
    # Whoever restores knows the password of now, and stays in under that of the back-up.
    guard.let_in()
    flash(_("Restored, as it was on {day}.").format(day=found.made) if found.made else _("Restored."))
    _show(box)
    return True


def _show(box: Box) -> None:
    if box.tls.context is not None and box.paths.tls_certificate.exists():
        try:
            certificate.use(box.tls.context, box.paths.tls_certificate)
        except CertificateError as error:
            flash(_("The certificate that was restored is not shown: {error}.").format(error=error))
