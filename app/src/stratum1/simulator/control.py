# SPDX-License-Identifier: MIT
"""Orders to a running hat: one JSON object a line over a Unix socket, one line back.

{"resume": true, "set": {"no_fix": true}} -> {"state": "3D fix ..", "faults": ["no fix"]} or {"error": ".."}
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LINE_BYTES = 4096
_CLIENTS = 4
_ANSWER_S = 3.0

Order = Callable[[dict[str, Any]], dict[str, Any]]


class ControlServer:
    """`order` takes a request and gives the answer; ValueError becomes {"error": ..}."""

    def __init__(self, path: Path, order: Order) -> None:
        self._path = path
        self._order = order
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        path.unlink(missing_ok=True)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(_CLIENTS)
        self._listener.setblocking(False)
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}

    def filenos(self) -> list[int]:
        return [self._listener.fileno(), *self._clients]

    def ready(self, fd: int) -> None:
        if fd == self._listener.fileno():
            with contextlib.suppress(BlockingIOError):
                client = self._listener.accept()[0]
                client.setblocking(False)
                if len(self._clients) >= _CLIENTS:
                    self._forget(next(iter(self._clients)))
                self._clients[client.fileno()] = (client, bytearray())
        elif fd in self._clients:
            self._read(fd)

    def close(self) -> None:
        for fd in list(self._clients):
            self._forget(fd)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _read(self, fd: int) -> None:
        client, line = self._clients[fd]
        try:
            data = client.recv(_LINE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        line += data
        if b"\n" in line:
            with contextlib.suppress(OSError):
                client.send(json.dumps(self._answer(bytes(line.split(b"\n")[0]))).encode() + b"\n")
        elif data and len(line) < _LINE_BYTES:
            return
        self._forget(fd)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("want a JSON object")
            return self._order(request)
        except (ValueError, RecursionError) as error:
            return {"error": str(error)}

    def _forget(self, fd: int) -> None:
        self._clients.pop(fd)[0].close()


def ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The running hat's answer; OSError when none runs or it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(_ANSWER_S)
        s.connect(str(path))
        s.sendall(json.dumps(request).encode() + b"\n")
        line = bytearray()
        while b"\n" not in line and len(line) < 65_536:
            if not select.select([s], [], [], _ANSWER_S)[0]:
                raise TimeoutError("the hat does not answer")
            data = s.recv(_LINE_BYTES)
            if not data:
                raise ConnectionError("the hat hung up")
            line += data
    try:
        answer = json.loads(line)
    except ValueError:
        raise ConnectionError("the hat's answer makes no sense") from None
    return answer if isinstance(answer, dict) else {"error": "the hat's answer makes no sense"}
