# SPDX-License-Identifier: MIT
"""The real network of a client: one UDP socket for each question, kernel stamps, names looked up in a thread."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import deque

from stratum1.upstream.monitor import Exchange

PORT = 123
# The form with 64-bit seconds on every machine (Linux 5.1), and the older one; Python names neither.
_STAMP_NEW, _STAMP_OLD = 64, 35
_STAMP = struct.Struct("@qq")
_WORD = struct.calcsize("@l")


class UdpExchange:
    """A connected socket: the kernel hands over what comes from the address that was asked, and nothing else."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _STAMP_NEW, 1)
            except OSError:
                if _WORD == 8:
                    with contextlib.suppress(OSError):
                        self._socket.setsockopt(socket.SOL_SOCKET, _STAMP_OLD, 1)
            self._socket.connect((address, port))
            self.local = str(self._socket.getsockname()[0])
        except OSError:
            self._socket.close()
            raise

    def send(self, data: bytes) -> int:
        now = time.time_ns()
        self._socket.send(data)
        return now

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> tuple[bytes, int] | None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(512, socket.CMSG_SPACE(_STAMP.size))
        except BlockingIOError:
            return None
        now = time.time_ns()
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind in (_STAMP_NEW, _STAMP_OLD) and len(content) >= _STAMP.size:
                seconds, ns = _STAMP.unpack_from(content)
                return data, seconds * 1_000_000_000 + ns
        return data, now

    def close(self) -> None:
        self._socket.close()


class UdpNetwork:
    """`wake` becomes readable when a name was found."""

    def __init__(self, port: int = PORT) -> None:
        self._port = port
        self._found: deque[tuple[str, list[str], str]] = deque()
        self.wake, self._waker = socket.socketpair()
        for end in (self.wake, self._waker):
            end.setblocking(False)

    def look_up(self, name: str) -> None:
        # The system's resolver may keep its caller waiting for half a minute.
        threading.Thread(target=self._look_up, args=(name,), name="resolver", daemon=True).start()

    def _look_up(self, name: str) -> None:
        addresses: list[str] = []
        problem = ""
        try:
            # As bytes, for which Python does not load its tables of international names.
            rows = socket.getaddrinfo(name.encode("ascii"), self._port, type=socket.SOCK_DGRAM)
            addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except OSError as error:
            problem = f"its name is not found: {error.strerror or error}"
        self._found.append((name, addresses, problem))
        with contextlib.suppress(OSError):
            self._waker.send(b".")

    def found(self) -> list[tuple[str, list[str], str]]:
        with contextlib.suppress(OSError):
            self.wake.recv(64)
        news = []
        while self._found:
            news.append(self._found.popleft())
        return news

    def ask(self, address: str, data: bytes) -> tuple[Exchange, int]:
        exchange = UdpExchange(address, self._port)
        try:
            return exchange, exchange.send(data)
        except OSError:
            exchange.close()
            raise
