# SPDX-License-Identifier: MIT
"""A simulated hat as a process of the test's own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from functools import reduce
from pathlib import Path

from receiver_line import DEADLINE_S

from stratum1.paths import Paths

RECORD = struct.Struct("=IIqqq")


class RunningHat:
    def __init__(self, run: Path, *options: str) -> None:
        self.paths = Paths(root=Path("/"), run=run, data=run)
        self.environ = {**os.environ, **self.paths.environment()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stratum1", "hat", "serve", "--search", "0.5", "--dialect", "nmea", *options],
            env=self.environ,
        )
        deadline = time.monotonic() + DEADLINE_S
        while not (self.paths.hat_control.exists() and self.paths.hat_serial.exists()):
            assert self.process.poll() is None, "the hat ended"
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def order(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stratum1", "hat", *options],
            env=self.environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip

    def pulses(
        self, count: int, limit_s: float = DEADLINE_S, after_first: Callable[[], object] = lambda: None
    ) -> list[tuple[tuple[int, ...], int]]:
        """Records, each with the kernel time at which it was read; fewer when the line stays silent for `limit_s`."""
        records: list[tuple[tuple[int, ...], int]] = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(limit_s)
            s.connect(str(self.paths.hat_pulses))
            while len(records) < count:
                try:
                    data = s.recv(RECORD.size)
                except TimeoutError:
                    break
                records.append((RECORD.unpack(data), time.time_ns()))
                if len(records) == 1:
                    after_first()
        return records

    def sentences(self, until: bytes, limit_s: float = DEADLINE_S) -> list[str]:
        """Bodies of the sentences with a good checksum, up to one that holds `until`."""
        fd = os.open(self.paths.hat_serial, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        data = b""
        deadline = time.monotonic() + limit_s
        try:
            while until not in data and time.monotonic() < deadline:
                with contextlib.suppress(BlockingIOError):
                    data += os.read(fd, 4096)
                time.sleep(0.01)
        finally:
            os.close(fd)
        found = re.findall(rb"\$([^*\r\n]*)\*([0-9A-F]{2})\r\n", data)
        return [body.decode() for body, check in found if reduce(lambda a, b: a ^ b, body) == int(check, 16)]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)
