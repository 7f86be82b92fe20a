# SPDX-License-Identifier: MIT
"""The two lines between hat and machine: the serial one as a pseudo-terminal, the pulse as a Unix socket."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
import tty
from pathlib import Path

_UNREAD_BYTES = 2048


class SerialLine:
    """A pseudo-terminal in raw mode under a name that stays the same; anybody may open it, as gpsd gives up root."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._ours: int | None = None
        self._theirs = -1

    @property
    def connected(self) -> bool:
        return self._ours is not None

    def connect(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        name = os.ttyname(self._theirs)
        os.chmod(name, 0o666)
        # Made aside and renamed, so that the name never leads nowhere.
        fresh = self._link.with_name(self._link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        fresh.rename(self._link)

    def disconnect(self) -> None:
        """As when a USB receiver is pulled: readers get an error, the name is gone."""
        if self._ours is None:
            return
        self._link.unlink(missing_ok=True)
        os.close(self._theirs)
        os.close(self._ours)
        self._ours = None

    def fileno(self) -> int | None:
        return self._ours

    def write(self, data: bytes) -> None:
        if self._ours is None:
            return
        # A UART keeps nothing for a reader who is not there: old seconds must not be read as new ones.
        unread = struct.unpack("i", fcntl.ioctl(self._theirs, termios.FIONREAD, b"\0\0\0\0"))[0]
        if unread > _UNREAD_BYTES:
            termios.tcflush(self._theirs, termios.TCIFLUSH)
        with contextlib.suppress(BlockingIOError):
            os.write(self._ours, data)

    def read(self) -> bytes:
        """What was sent to the receiver, at most 4096 bytes."""
        if self._ours is None:
            return b""
        try:
            return os.read(self._ours, 4096)
        except OSError:
            return b""


class PulseLine:
    """Sends a record for each pulse to whoever is connected; docs/architecture.md, "The pulse socket"."""

    _RECORD = struct.Struct("=IIqqq")
    _CLIENTS = 8

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._clients: list[socket.socket] = []
        self._sequence = 0
        self._clear = (0, 0)

    def connect(self) -> None:
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._listener.bind(str(self._path))
        self._path.chmod(0o666)
        self._listener.listen(self._CLIENTS)
        self._listener.setblocking(False)

    def disconnect(self) -> None:
        if self._listener is None:
            return
        self._path.unlink(missing_ok=True)
        for s in (self._listener, *self._clients):
            s.close()
        self._listener = None
        self._clients.clear()
        self._sequence = 0
        self._clear = (0, 0)

    def fileno(self) -> int | None:
        return None if self._listener is None else self._listener.fileno()

    def accept(self) -> None:
        if self._listener is None:
            return
        with contextlib.suppress(BlockingIOError):
            client = self._listener.accept()[0]
            client.setblocking(False)
            self._clients.append(client)
            if len(self._clients) > self._CLIENTS:
                self._clients.pop(0).close()

    def pulse(self, assert_ns: int, width_ns: int) -> None:
        """Tell of the edge stamped `assert_ns`; the clear edge known by then is that of the pulse before."""
        self._sequence = self._sequence % 0xFFFF_FFFF + 1
        record = self._RECORD.pack(self._sequence, self._clear[0], assert_ns, self._clear[1], 0)
        self._clear = (self._sequence, assert_ns + width_ns)
        for client in self._clients[:]:
            try:
                client.send(record)
            except BlockingIOError:
                pass  # a reader that sleeps misses pulses, as it would of a kernel's
            except OSError:
                self._clients.remove(client)
                client.close()
