# SPDX-License-Identifier: MIT
"""The page of the symmetric NTP keys: made here, shown once, and the lines that clients want."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for

from stratum1.ntp import keyfile
from stratum1.ntp.keyfile import Key, KeyFileError
from stratum1.web.box import Box
from stratum1.web.guide import host_of
from stratum1.web.login import Guard
from stratum1.web.once import Once
from stratum1.words.tongue import _

KINDS = ("AES128", "SHA1")
MOST = 1000


def place(box: Box) -> Path:
    named = box.settings.ntp.keys
    return Path(named) if named else box.paths.ntp_keys


def client_lines(line: str, host: str) -> list[tuple[str, str]]:
    """(where, what to write there) for a key's line as the file holds it."""
    number, kind, secret = line.split()
    # ntpd takes bare hexadecimal digits and calls the CMAC so; chrony wants HEX: in front.
    ntpd = {"AES128": "AES128CMAC"}.get(kind, kind)
    return [
        ("chrony: /etc/chrony/chrony.keys", line),
        ("chrony: /etc/chrony/chrony.conf", f"server {host} iburst key {number}"),
        ("ntpd: /etc/ntpsec/ntp.keys", f"{number} {ntpd} {secret.removeprefix('HEX:')}"),
        ("ntpd: /etc/ntpsec/ntp.conf", f"trustedkey {number}\nserver {host} iburst key {number}"),
    ]


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("keys", __name__)
    fresh = Once("new-key")

    def there() -> tuple[list[Key], str]:
        try:
            return keyfile.read(place(box), md5=True), ""
        except KeyFileError as error:
            return [], str(error)

    @rooms.route("/system/keys", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.forms import Confirm
        from stratum1.web.system_forms import NewKey

        form = NewKey()
        form.kind.choices = [*KINDS, "MD5"] if box.settings.ntp.md5 else list(KINDS)
        keys, problem = there()
        if form.validate_on_submit():
            if form.kind.data not in form.kind.choices:
                form.kind.errors = [_("want one of the types of the list")]
            elif len(keys) >= MOST:
                form.kind.errors = [_("there are {most} already: delete one first").format(most=MOST)]
            elif not problem:
                try:
                    fresh.keep(keyfile.add_key(place(box), form.kind.data))
                    return redirect(url_for("keys.view"))
                except (OSError, KeyFileError) as error:
                    problem = str(error)
        made = fresh.take()
        host = host_of(request.host) or box.settings.system.name
        return render_template(
            "keys.html",
            form=form,
            delete=Confirm(formdata=None),
            keys=keys,
            problem=problem,
            made=made,
            lines=client_lines(made, host) if made else [],
        ), 422 if form.errors or problem else 200

    @rooms.post("/system/keys/<int:number>/delete")
    @guard.only_known
    def delete(number: int) -> Any:
        from stratum1.web.forms import Confirm

        if Confirm().validate_on_submit():
            try:
                if not keyfile.remove_key(place(box), number):
                    abort(404, _("There is no key {number}.").format(number=number))
                flash(_("Key {number} is deleted; clients that use it are no longer believed.").format(number=number))
            except (OSError, KeyFileError) as error:
                flash(_("Key {number} cannot be deleted: {error}").format(number=number, error=error))
        return redirect(url_for("keys.view"))

    return rooms
