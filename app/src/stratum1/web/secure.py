# SPDX-License-Identifier: MIT
"""The page of the certificate: what browsers are shown, a new one, and the owner's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from stratum1 import safefile
from stratum1.web import certificate
from stratum1.web.box import Box
from stratum1.web.certificate import Certificate, CertificateError
from stratum1.web.login import Guard
from stratum1.words.tongue import _


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("secure", __name__)

    @rooms.route("/system/certificate", methods=["GET", "POST"])
    @guard.only_known
    def view() -> Any:
        from stratum1.web.system_forms import OwnCertificate, Password

        form = OwnCertificate()
        if form.validate_on_submit() and _upload(box, guard, form):
            return redirect(url_for("secure.view"))
        shown, problem = present(box)
        status = 422 if form.errors else 200
        return render_template(
            "certificate.html",
            form=form,
            again=Password(formdata=None),
            shown=shown,
            problem=problem,
            port=box.tls.port,
            now=datetime.now(UTC),
        ), status

    @rooms.post("/system/certificate/new")
    @guard.only_known
    def new() -> Any:
        from stratum1.web.system_forms import Password

        form = Password()
        said = "the page had been open for too long: try again"
        if form.validate_on_submit():
            said, _wait = guard.refusal(form.password.data or "")
            if not said:
                try:
                    put(box, certificate.make(*certificate.own_names(box.settings.system.name)))
                    flash(_("A new certificate is made. The browser will warn of it once."))
                    return redirect(url_for("secure.view"))
                except (CertificateError, OSError) as error:
                    said = str(error)
        flash(_("Nothing was changed: {said}.").format(said=said))
        return redirect(url_for("secure.view"))

    return rooms


def present(box: Box) -> tuple[Certificate | None, str]:
    """What is shown to browsers, and one line on what is the matter with it."""
    try:
        return certificate.read(box.paths.tls_certificate.read_bytes()), box.tls.problem
    except FileNotFoundError:
        return None, box.tls.problem
    except (CertificateError, OSError) as error:
        return None, box.tls.problem or str(error)


def put(box: Box, pem: bytes) -> None:
    """Store a certificate that was checked, and show it from the next connection on."""
    safefile.replace(box.paths.tls_certificate, pem)
    if box.tls.context is not None:
        certificate.use(box.tls.context, box.paths.tls_certificate)


def _upload(box: Box, guard: Guard, form: Any) -> bool:
    pem = "\n".join(((form.certificate.data or "").strip(), (form.key.data or "").strip(), "")).replace("\r", "")
    try:
        found = certificate.checked(pem.encode("utf-8"), datetime.now(UTC))
    except CertificateError as error:
        field = form.key if "key" in str(error) else form.certificate
        field.errors = [str(error)]
        return False
    said, _wait = guard.refusal(form.password.data or "")
    if said:
        form.password.errors = [said]
        return False
    try:
        put(box, pem.encode("ascii"))
    except OSError as error:
        form.certificate.errors = [_("cannot be stored: {error}").format(error=error.strerror)]
        return False
    flash(_("Your certificate is in use; it is good until {ends:%Y-%m-%d}.").format(ends=found.ends))
    return True
