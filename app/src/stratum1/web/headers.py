# SPDX-License-Identifier: MIT
"""What every answer tells a browser not to do."""

from __future__ import annotations

from flask import Flask, Response, abort, redirect, request
from flask.sessions import SecureCookieSessionInterface

from stratum1.web.box import Box
from stratum1.web.guide import host_of
from stratum1.words.tongue import _

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

YEAR_S = 31_536_000


def _add(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
        response.headers["Cache-Control"] = f"public, max-age={YEAR_S}, immutable"
    elif request.endpoint == "static":
        response.headers["Cache-Control"] = "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"
    return response


class Cookies(SecureCookieSessionInterface):
    """Sessions of encrypted pages are never sent in the clear, and have a name of their own: a browser that holds a
    secure cookie lets no plain page set one of the same name."""

    def get_cookie_name(self, app: Flask) -> str:
        return f"__Host-{super().get_cookie_name(app)}" if request.is_secure else super().get_cookie_name(app)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def _lead_to_encrypted(box: Box) -> Response | None:
    """Only while they are really served: who can reach one page alone must reach that."""
    if box.settings.web.https != "only" or box.tls.port is None or request.is_secure or request.path == "/healthz":
        return None
    host = host_of(request.host)
    if request.method not in ("GET", "HEAD") or host is None:
        abort(403, _("This box takes nothing in the clear: open its page by https."))
    name = f"[{host}]" if ":" in host else host
    port = "" if box.tls.port == 443 else f":{box.tls.port}"
    return redirect(f"https://{name}{port}{request.full_path.rstrip('?')}", 308)  # type: ignore[return-value]


def install(app: Flask, box: Box) -> None:
    app.session_interface = Cookies()
    app.before_request(lambda: _lead_to_encrypted(box))
    app.after_request(_add)
