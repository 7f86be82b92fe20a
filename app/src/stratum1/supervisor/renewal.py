# SPDX-License-Identifier: MIT
"""Updates, as far as they are the supervisor's: it starts them, and it judges the system that is on trial."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from stratum1.paths import Paths
from stratum1.update import UpdateError
from stratum1.update.slots import Slots

if TYPE_CHECKING:
    import subprocess

PROVEN_S = 120.0
"""A system on trial is kept when everything that matters has run for so long without a break."""
GIVEN_UP_S = 900.0
"""A system on trial that has not proved itself by then is left: the next start is the old one's."""


class Renewal:
    """`say` takes a line for the log; `slots` is None on a machine that has none."""

    def __init__(self, paths: Paths, say: Callable[[str], None], slots: Slots | None) -> None:
        self._paths = paths
        self._say = say
        self._slots = slots
        self._worker: subprocess.Popen[bytes] | None = None
        self._begun: float | None = None
        self._fit_since: float | None = None
        self.on_trial = slots is not None and slots.standing().on_trial

    @classmethod
    def of(cls, paths: Paths, say: Callable[[str], None]) -> Renewal:
        try:
            slots = Slots.of(paths)
        except UpdateError:
            slots = None
        return cls(paths, say, slots)

    def order(self, word: str) -> None:
        """Start what was ordered: `update` or `rollback`."""
        import subprocess  # once in a lifetime, and half a megabyte

        if self._worker is not None and self._worker.poll() is None:
            self._say(f"{word}: one is under way already")
            return
        argv = [sys.executable, "-P", "-m", "stratum1", "update"]
        argv += ["install", "--restart", str(self._paths.update_bundle)] if word == "update" else [word]
        try:
            self._worker = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, env={**os.environ, **self._paths.environment()}, close_fds=True
            )
        except OSError as error:
            self._say(f"{word}: {error.strerror}")

    def turn(self, now: float, fit: bool) -> None:
        """`now` is monotonic, s; `fit`: everything that matters runs."""
        if self._worker is not None and self._worker.poll() is not None:
            self._worker = None
        if not self.on_trial or self._slots is None:
            return
        self._begun = now if self._begun is None else self._begun
        self._fit_since = None if not fit else now if self._fit_since is None else self._fit_since
        if self._fit_since is not None and now - self._fit_since >= PROVEN_S:
            self.on_trial = False
            try:
                self._slots.confirm()
                self._say(f"the new system in slot {self._slots.running} has proved itself and is kept")
            except UpdateError as error:
                self._say(f"the new system cannot be kept: {error}")
        elif now - self._begun >= GIVEN_UP_S:
            self.on_trial = False
            self._say("the new system has not proved itself: back to the old one")
            self._restart()

    def end(self) -> None:
        """A write that was interrupted leaves a slot that nobody starts."""
        if self._worker is not None:
            with contextlib.suppress(OSError):
                self._worker.terminate()

    @staticmethod
    def _restart() -> None:
        if os.getppid() == 1 and os.geteuid() == 0:
            os.kill(1, signal.SIGTERM)
