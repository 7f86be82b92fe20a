# SPDX-License-Identifier: MIT
"""A real gpsd on a pseudo-terminal of the test's own, and what our reader makes of it."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stratum1.receiver.events import Event
from stratum1.receiver.gpsd import GpsdStream

GPSD = shutil.which("gpsd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
needs_gpsd = pytest.mark.skipif(GPSD is None, reason="gpsd is not installed")
DEADLINE_S = 60.0


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Line:
    """The receiver's end of a serial line."""

    def __init__(self) -> None:
        self.ours, theirs = os.openpty()
        tty.setraw(theirs)
        self.name = os.ttyname(theirs)
        os.chmod(self.name, 0o666)
        self.heard = b""
        """What gpsd said to the receiver lately."""
        self._theirs = theirs

    def send(self, data: bytes) -> None:
        """All of it, at the pace at which gpsd takes it."""
        deadline = time.monotonic() + DEADLINE_S
        while data:
            assert time.monotonic() < deadline, "gpsd does not read"
            readable, writable, _ = select.select([self.ours], [self.ours], [], 0.1)
            if readable:
                self.heard = (self.heard + os.read(self.ours, 4096))[-65_536:]
            if writable:
                data = data[os.write(self.ours, data[:256]) :]

    def drained(self) -> bool:
        """Whether gpsd has read everything."""
        import fcntl
        import struct

        return struct.unpack("i", fcntl.ioctl(self._theirs, termios.FIONREAD, b"\0" * 4))[0] == 0

    def close(self) -> None:
        os.close(self.ours)
        os.close(self._theirs)


@contextlib.contextmanager
def gpsd(device: str, *options: str) -> Iterator[int]:
    """A real gpsd on `device`; gives its port."""
    assert GPSD is not None
    port = free_port()
    process = subprocess.Popen(
        [GPSD, "-N", "-n", *options, "-S", str(port), device], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            assert process.poll() is None, "gpsd ended"
            assert time.monotonic() < deadline, "gpsd does not listen"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def events_until(stream: GpsdStream, done: Callable[[list[Event]], bool], limit_s: float = DEADLINE_S) -> list[Event]:
    """Everything that `stream` tells until `done` says so."""
    told: list[Event] = []
    deadline = time.monotonic() + limit_s
    while not done(told):
        assert time.monotonic() < deadline, f"told only {told[-5:]}"
        poller = select.poll()
        fd = stream.fileno()
        if fd is not None:
            poller.register(fd, select.POLLIN | (select.POLLOUT if stream.wants_write else 0))
        poller.poll(50)
        told += stream.receive(time.time_ns())
    return told


def play(recording: Path, line: Line) -> threading.Thread:
    """Start sending a recording, without the remarks at its top, in the background."""
    data = recording.read_bytes()
    while data.startswith(b"#"):
        data = data.partition(b"\n")[2]
    thread = threading.Thread(target=line.send, args=(data,), daemon=True)
    thread.start()
    return thread
