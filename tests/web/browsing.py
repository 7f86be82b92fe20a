# SPDX-License-Identifier: MIT
"""What a real browser looks at: the application behind waitress, and a timekeeper that says what a test wants."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress

from playwright.sync_api import ViewportSize
from snapshots import LOCKED, Publish
from waitress import create_server

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking import Snapshot
from stratum1.web.app import app_of
from stratum1.web.box import Box
from stratum1.web.listen import listen

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}


class Timekeeper:
    """Publishes the chosen snapshot anew every 200 ms, as one that lives does."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._over = threading.Event()
        self.snapshot = LOCKED
        publish(LOCKED)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self._publish(self.snapshot)

    def says(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def dies(self) -> None:
        self._over.set()
        self._thread.join()


class Served:
    """The application behind waitress in this process, on a port of its own."""

    def __init__(self, paths: Paths, streams: int) -> None:
        self.box = Box(paths, Settings().changed("system.zone", "Asia/Tokyo"))
        self._sock = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._sock.getsockname()[1]}"
        self._server = create_server(app_of(self.box, streams=streams), sockets=[self._sock], threads=streams + 4)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError, ValueError):  # the sockets are closed under its feet at the end
            self._server.run()

    def stop(self) -> None:
        """Hang up on everybody at once, as a box does whose cable is pulled."""
        self.box.close()
        for channel in list(self._server.active_channels.values()):
            channel.will_close = True
        self._server.task_dispatcher.shutdown(timeout=2)
        self._server.close()

    def close(self) -> None:
        self.stop()
        self._sock.close()
