# SPDX-License-Identifier: MIT
"""The page of updates: a bundle comes up in pieces, is checked, and the supervisor installs it.

Pieces, because a whole bundle would have to lie in memory or in RAM's own file system before the page saw any of it;
so it goes straight to the data partition, the browser knows how far it is, and what was cut off goes on.
Imports are in the functions: once in a lifetime, and a megabyte and a half.
"""

from __future__ import annotations

import os
import threading
from dataclasses import asdict
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for

from stratum1.web.api import problem
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.web.system import order
from stratum1.words.tongue import _

LARGEST = 256 << 20
"""Bytes of a bundle; the root slot has fewer."""
SPARE = 16 << 20
"""Bytes that stay free on the data partition, for settings and history."""
PIECE = 49_152


class Upload:
    """The bundle at `paths.update_bundle` as it grows."""

    def __init__(self, box: Box) -> None:
        self._path = box.paths.update_bundle
        self._lock = threading.Lock()

    def take(self, offset: int, total: int, piece: bytes) -> int:
        """Put `piece` at `offset`; how far the upload is then.  UpdateError when there is no room for `total` bytes."""
        with self._lock:
            if offset == 0:
                self._begin(total)
            size = self._size()
            if offset == size and size + len(piece) <= total:
                with self._path.open("ab") as file:
                    file.write(piece)
                size += len(piece)
            return size

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _begin(self, total: int) -> None:
        from stratum1.update import UpdateError

        if not 0 < total <= LARGEST:
            raise UpdateError(f"{total} bytes are no update: want at most {LARGEST >> 20} MiB")
        self._path.unlink(missing_ok=True)
        found = os.statvfs(self._path.parent)
        if found.f_bavail * found.f_frsize < total + SPARE:
            raise UpdateError(_("there is no room for it on the data partition"))

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("updating", __name__)
    upload = Upload(box)

    def page(form: Any, said: str = "") -> Any:
        from stratum1.update import UpdateError
        from stratum1.update.progress import read_progress
        from stratum1.update.slots import Slots

        try:
            slots = Slots.of(box.paths)
            standing, missing = slots.standing(), ""
        except UpdateError as error:
            slots, standing, missing = None, None, str(error)
        progress = read_progress(box.paths)
        return render_template(
            "update.html",
            form=form,
            missing=missing,
            standing=standing,
            installed=slots.version if slots else "",
            problem=said,
            progress=progress,
            piece=PIECE,
            largest=LARGEST,
        ), 422 if said or form.errors else 200

    @rooms.route("/system/update", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.system_forms import Password

        form = Password()
        if not form.validate_on_submit():
            return page(form)
        said, _wait = guard.refusal(form.password.data or "")
        if said:
            form.password.errors = [said]
            return page(form)
        word = "rollback" if request.form.get("what") == "rollback" else "update"
        if word == "update":
            from stratum1.update import UpdateError, bundle
            from stratum1.update.slots import Slots

            try:
                bundle.check(box.paths.update_bundle, Slots.of(box.paths).key)
            except UpdateError as error:
                upload.forget()
                return page(form, str(error))
        said = order(box, word)
        if said:
            return page(form, said)
        return redirect(url_for("updating.going"))

    @rooms.get("/system/update/going")
    @guard.only_known
    def going() -> str:
        from stratum1.update.progress import read_progress

        return render_template("updating.html", progress=read_progress(box.paths))

    @rooms.put("/system/update/piece")
    @guard.only_known
    def piece() -> Any:
        from flask_wtf.csrf import validate_csrf
        from wtforms import ValidationError

        from stratum1.update import UpdateError
        from stratum1.update.slots import Slots

        try:
            validate_csrf(request.headers.get("X-CSRFToken"))
            offset, total = int(request.args["offset"]), int(request.args["total"])
            if offset < 0:
                raise ValueError
        except (ValidationError, KeyError, ValueError):
            return problem(400, "want offset, total and the page's token"), 400
        try:
            Slots.of(box.paths)
            return jsonify({"offset": upload.take(offset, total, request.get_data())})
        except UpdateError as error:
            return problem(409, str(error)), 409
        except OSError as error:
            return problem(507, f"cannot be stored: {error.strerror}"), 507

    @rooms.get("/system/update/progress")
    @guard.only_known
    def progress() -> Any:
        from stratum1.update.progress import read_progress

        found = read_progress(box.paths)
        return jsonify(asdict(found) if found else None)

    return rooms
