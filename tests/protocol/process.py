# SPDX-License-Identifier: MIT
"""A responder as a process of its own on loopback, with a tracking page that a test writes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from responding import snapshot

from stratum1 import clock
from stratum1.paths import Paths
from stratum1.settings import Settings, save
from stratum1.tracking import TrackingWriter

T = TypeVar("T")


def free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 0))
        return int(sock.getsockname()[1])


def poll(what: Callable[[], T], seconds: float = 15.0) -> Any:
    """The first true value of `what`, asked again until `seconds` are over."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def wait_for(what: Callable[[], bool], seconds: float = 15.0) -> None:
    poll(what, seconds)


class Process:
    """`settings` are keys of the section ntp; page=False leaves the tracking page out, wait=False does not wait for it
    to be ready, `enter` stands before the command (see namespace.py)."""

    def __init__(
        self,
        folder: Path,
        *,
        page: bool = True,
        wait: bool = True,
        port: int = 0,
        enter: Sequence[str] = (),
        **settings: object,
    ) -> None:
        self.port = port or free_port()
        paths = self.folders(folder, port=self.port, **settings)
        self.run, self.data, self.tracking = paths.run, paths.data, paths.tracking
        self._settings = settings
        if page:
            self.publish()
        code = "import sys; from stratum1.responder import main; sys.exit(main([]))"
        with (folder / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                [*enter, sys.executable, "-c", code], env={**os.environ, **paths.environment()}, stderr=errors
            )
        self._errors = folder / "errors"
        if wait:
            wait_for(lambda: "answering on" in self.errors() or self.process.poll() is not None)
            assert self.process.poll() is None, self.errors()

    @staticmethod
    def folders(folder: Path, **settings: object) -> Paths:
        paths = Paths(root=Path("/"), run=folder / "run", data=folder / "data")
        for made in (paths.run, paths.data):
            made.mkdir(parents=True, exist_ok=True)
        save(paths.settings, Settings.from_tables({"ntp": settings}))
        return paths

    def configure(self, **settings: object) -> None:
        self._settings |= settings
        self.port = int(str(self._settings.setdefault("port", self.port)))
        save(self.data / "stratum1.toml", Settings.from_tables({"ntp": self._settings}))

    def publish(self, **changes: Any) -> None:
        """A page that is right for this machine's clock now, with no correction."""
        now, monotonic = clock.read()
        said = snapshot(
            now,
            correction_ns=0,
            bound_ns=5_000,
            bound_limit_ns=500_000_000,
            realtime_minus_monotonic_ns=now - monotonic,
        )
        TrackingWriter(self.tracking).write(replace(said, **changes))

    def errors(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def client(self, address: str = "127.0.0.1") -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(5)
        sock.connect((address, self.port))
        return sock

    def send(self, data: bytes, address: str = "127.0.0.1") -> None:
        with self.client(address) as sock:
            sock.send(data)

    def ask(self, data: bytes, address: str = "127.0.0.1") -> tuple[bytes, tuple[str, int]]:
        """The answer and where it came from."""
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            # A request can be lost while sockets change; a client asks again.
            for _ in range(20):
                sock.sendto(data, (address, self.port))
                try:
                    answer, source = sock.recvfrom(2048)
                except TimeoutError:
                    continue
                return answer, (str(source[0]), int(source[1]))
        raise AssertionError(f"no answer from {address} port {self.port}")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
