# SPDX-License-Identifier: MIT
"""Proof of life: a heart that beats only when the page really answers.

It keeps one connection to the page's own port and asks on it again and again, so that a hung accept loop, a
stuck worker pool or a failing application all stop the heart, while a crowd that uses up the connections does not.
"""

from __future__ import annotations

import socket
import threading

from stratum1.heartbeat import Heartbeat

EVERY_S = 3.0
PATIENCE_S = 5.0
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nUser-Agent: heartbeat\r\n\r\n"


class Life(threading.Thread):
    """Asks the server at `address` (as getsockname() gives it) every few seconds and beats on each answer."""

    def __init__(self, address: tuple[str, int], heartbeat: Heartbeat, every_s: float = EVERY_S) -> None:
        super().__init__(name="life", daemon=True)
        host, port = address
        self._address = ({"::": "::1", "0.0.0.0": "127.0.0.1"}.get(host, host), port)
        self._heartbeat = heartbeat
        self._every_s = every_s
        self._over = threading.Event()
        self._connection: socket.socket | None = None

    def run(self) -> None:
        while not self._over.is_set():
            if self.ask():
                self._heartbeat.beat()
            self._over.wait(self._every_s)

    def stop(self) -> None:
        self._over.set()

    def ask(self) -> bool:
        """Whether one request got an HTTP answer in time, whatever it says."""
        try:
            if self._connection is None:
                self._connection = socket.create_connection(self._address, timeout=PATIENCE_S)
            self._connection.sendall(REQUEST)
            return self._answered(self._connection)
        except OSError:
            self._drop()
            return False

    def _answered(self, connection: socket.socket) -> bool:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(4096)
            if not piece or len(head) > 16384:
                self._drop()
                return False
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])
        }
        rest = int(fields.get(b"content-length", b"0")) - len(body)
        while rest > 0:
            piece = connection.recv(4096)
            if not piece:
                break
            rest -= len(piece)
        if rest > 0 or fields.get(b"connection", b"").lower() == b"close":
            self._drop()
        return rest <= 0 and lines[0].startswith(b"HTTP/1.")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
