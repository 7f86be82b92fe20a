# SPDX-License-Identifier: MIT
"""What the receiver sends, as gpsd passes it on: a bounded look, for a person who wants to see the raw messages."""

from __future__ import annotations

import socket
import threading
import time

LISTEN_S = 1.3
"""A receiver that sends once a second is heard at least once."""
KEPT_S = 1.0
MOST_LINES = 80
LONGEST_LINE = 240
_MOST_BYTES = 65_536
_WATCH = b'?WATCH={"enable":true,"json":true,"raw":1};\n'


class Overheard:
    """One listener for all who look: each look asks gpsd anew, and looks at the same time share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._at = -KEPT_S

    def lines(self, port: int) -> list[str]:
        """What came within LISTEN_S, oldest first; one line on what is wrong when nothing did."""
        with self._lock:
            if time.monotonic() - self._at >= KEPT_S:
                try:
                    self._lines = listen(port)
                except OSError as error:
                    self._lines = [f"gpsd on port {port}: {error.strerror or error}"]
                self._at = time.monotonic()
            return self._lines


def listen(port: int) -> list[str]:
    """OSError when gpsd cannot be reached."""
    heard = b""
    deadline = time.monotonic() + LISTEN_S
    with socket.create_connection(("127.0.0.1", port), LISTEN_S) as connection:
        connection.sendall(_WATCH)
        while (left := deadline - time.monotonic()) > 0 and len(heard) < _MOST_BYTES:
            connection.settimeout(left)
            try:
                piece = connection.recv(16_384)
            except TimeoutError:
                break
            if not piece:
                break
            heard += piece
    whole = heard[: heard.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines()
    return [_printable(line) for line in whole if line.strip()][-MOST_LINES:]


def _printable(line: str) -> str:
    shown = "".join(letter if letter.isprintable() else "." for letter in line)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[:LONGEST_LINE]} … {len(shown) - LONGEST_LINE} more"
