# SPDX-License-Identifier: MIT
"""The doors of the page: one for plain HTTP, one for HTTPS, with one loop and one crew of workers behind both."""

from __future__ import annotations

import socket
import ssl
import sys
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from waitress import create_server
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from stratum1.web import certificate
from stratum1.web.app import LARGEST_FORM, app_of
from stratum1.web.box import Box
from stratum1.web.listen import ListenError, listen
from stratum1.web.tls import TlsServer

STREAMS = 6
WORKERS = 4

LARGEST_BODY = 327_680
"""Bytes: a back-up that comes back; every other form is held to LARGEST_FORM by the application."""

LIMITS = {
    "connection_limit": 200,
    "channel_timeout": 30,
    "cleanup_interval": 10,
    "max_request_header_size": 16_384,
    "max_request_body_size": LARGEST_BODY,
    "inbuf_overflow": LARGEST_FORM * 2,
    "outbuf_high_watermark": 1 << 20,
    "asyncore_use_poll": True,
    "clear_untrusted_proxy_headers": True,
    "ident": None,
}


class Doors:
    """Plain pages on `plain`, and encrypted ones beside them when the settings want and the machine allows it."""

    def __init__(self, box: Box, plain: socket.socket) -> None:
        app = app_of(box, streams=STREAMS)
        crew = ThreadedTaskDispatcher()
        crew.set_thread_count(WORKERS + STREAMS)
        channels: dict[int, Any] = {}
        self._server = create_server(app, channels, _dispatcher=crew, sockets=[plain], **LIMITS)
        self._tls: TlsServer | None = None
        if box.settings.web.https != "off":
            try:
                self._tls = self._encrypted(box, app, channels, crew)
            except (certificate.CertificateError, ListenError) as error:
                # Better a plain page that says so than none.
                box.tls.problem = str(error)
                print(f"stratum1 web: no encrypted pages: {error}", file=sys.stderr, flush=True)

    @staticmethod
    def _encrypted(box: Box, app: Flask, channels: dict[int, Any], crew: ThreadedTaskDispatcher) -> TlsServer:
        wanted = box.settings.web
        sock = listen(wanted.address, wanted.https_port, "web.https_port")
        try:
            box.tls.context = prepare(box)
        except BaseException:
            sock.close()
            raise
        box.tls.port = sock.getsockname()[1]
        return TlsServer(
            box.tls.context,
            app,
            channels,
            _sock=sock,
            dispatcher=crew,
            adj=Adjustments(url_scheme="https", **LIMITS),
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            bind_socket=False,
        )

    def run(self) -> None:
        """Until SystemExit."""
        self._server.run()

    def close(self) -> None:
        """Hang up on everybody at once."""
        for server in self._servers:
            for channel in list(server.active_channels.values()):
                channel.will_close = True
        self._server.task_dispatcher.shutdown(timeout=2)
        for server in self._servers:
            server.close()

    @property
    def _servers(self) -> list[Any]:
        return [self._server, *([self._tls] if self._tls is not None else [])]


def prepare(box: Box) -> ssl.SSLContext:
    """A context that shows the box's certificate, made if need be; CertificateError when there is none to be had."""
    path = box.paths.tls_certificate
    certificate.ensure(path, *certificate.own_names(box.settings.system.name), datetime.now(UTC))
    context = certificate.server_context()
    certificate.use(context, path)
    return context
