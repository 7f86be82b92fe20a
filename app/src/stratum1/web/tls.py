# SPDX-License-Identifier: MIT
"""TLS for waitress, which has none: its own loop, with the library's TLS sockets in place of plain ones."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

RECORD = 16_384
"""The most that one TLS record holds (RFC 8446 section 5.1): read whole, nothing waits where poll() cannot see it."""

_NOT_YET = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TlsChannel(HTTPChannel):  # type: ignore[misc]
    """One connection.  The handshake happens by itself within the first reads; who does not finish it is timed out."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        # The loop reads while a worker writes, and a TLS connection stands only one of them at a time.
        self._turn = threading.Lock()
        super().__init__(*arguments, **named)

    def handle_read(self) -> None:
        try:
            with self._turn:
                data = self.socket.recv(RECORD)
        except _NOT_YET:
            return
        except OSError:
            data = b""
        if data:
            self.last_activity = time.time()
            self.received(data)
        else:
            self.handle_close()

    def send(self, data: bytes, do_close: bool = True) -> int:
        try:
            with self._turn:
                return int(self.socket.send(data))
        except _NOT_YET:
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        if self.socket is not None:
            # Tells the other side that nothing is missing, without waiting for its answer.
            with self._turn, contextlib.suppress(OSError, ValueError):
                self.socket.unwrap()
        super().handle_close()


class TlsServer(TcpWSGIServer):  # type: ignore[misc]
    """As TcpWSGIServer; `context` may be given another certificate while it runs."""

    channel_class = TlsChannel

    def __init__(self, context: ssl.SSLContext, *arguments: Any, **named: Any) -> None:
        self._context = context
        super().__init__(*arguments, **named)

    def accept(self) -> tuple[ssl.SSLSocket, Any] | None:
        pair = super().accept()
        if pair is None:
            return None
        plain, address = pair
        try:
            return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address
        except OSError:
            plain.close()
            return None
