# SPDX-License-Identifier: MIT
"""Keeps the machine's network what the settings say: starts `stratum1 network apply` when something has changed.

That is a process of its own, because DHCP clients are slow to end and the supervisor never waits.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from stratum1.netconfig.plan import WIRED, WIRELESS
from stratum1.netconfig.programs import Programs
from stratum1.netconfig.trial import Trials
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.supervisor.files import write_json

FIRST_RETRY_S, LAST_RETRY_S = 30.0, 3600.0
"""When something could not be done it is tried again, ever more seldom; a device that comes is seen at once anyway."""
LONGEST_S = 60.0
LIFE_S = 10.0
"""How often it is looked whether DHCP and Wi-Fi clients still run."""


class NetworkKeeper:
    def __init__(self, paths: Paths, say: Callable[[str], None], trials: Trials | None = None) -> None:
        self._paths = paths
        self._say = say
        self.trials = trials or Trials(paths, say)
        self._job: subprocess.Popen[bytes] | None = None
        self._job_started = 0.0
        self._done: Any = None
        self._doing: Any = None
        self._again = float("inf")
        self._retry_s = FIRST_RETRY_S
        self._lines: list[str] = []
        self._programs = Programs(paths.network_run, {})
        self._next_look = 0.0
        self._problem = ""
        self._shown: dict[str, Any] = {}

    def turn(self, now: float, settings: Settings, broken: bool = False) -> None:
        """`broken`: the settings file cannot be read, so what it may say of the network does not count."""
        if not broken:
            try:
                self.trials.turn(now, settings)
            except OSError as error:
                self._complain(f"network settings cannot be stored: {error.strerror}")
        self._reap(now)
        wanted = self._wanted(settings)
        if self._job is None and (wanted != self._done or now >= self._again or self._bereft(now)):
            self._start(now, wanted)
        status = {**self.trials.as_dict(), "busy": self._job is not None, "problem": self._problem}
        if status != self._shown:
            write_json(self._paths.network_status, status)
            self._shown = status

    def order(self, order: str) -> bool:
        """Whether `order` is one of ours: network-keep MARK, network-back MARK."""
        word, _, mark = order.partition(" ")
        if word not in ("network-keep", "network-back"):
            return False
        trial = self.trials.trial()
        if trial is None or trial.mark != mark:
            self._say(f"{word} comes too late: nothing of that mark is being tried")
            return True
        try:
            if word == "network-keep":
                self.trials.confirm(mark)
            else:
                self.trials.back()
        except OSError as error:
            self._complain(f"network settings cannot be stored: {error.strerror}")
        return True

    def close(self) -> None:
        """The network stays as it is; only what shows it goes."""
        self._paths.network_status.unlink(missing_ok=True)

    def _wanted(self, settings: Settings) -> Any:
        """What an `apply` depends on: also on devices that come and go."""
        here = {name for _, name in socket.if_nameindex()} & {WIRED, WIRELESS}
        return self.trials.in_force(settings), settings.system.name, sorted(here)

    def _bereft(self, now: float) -> bool:
        """Whether a program that asks for addresses or keeps up the Wi-Fi has ended by itself."""
        if now < self._next_look:
            return False
        self._next_look = now + LIFE_S
        kept = [name for name in self._programs.names() if name.startswith(("dhcp.", "wifi."))]
        return any(self._programs.pid(name) is None for name in kept)

    def _start(self, now: float, wanted: Any) -> None:
        argv = (sys.executable, "-P", "-m", "stratum1", "network", "apply")
        environ = {**os.environ, **self._paths.environment()}
        try:
            self._job = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ)
        except OSError as error:
            self._complain(f"network cannot be set up: {error.strerror}")
            self._again = now + FIRST_RETRY_S
            return
        if wanted != self._doing:
            self._retry_s = FIRST_RETRY_S
        self._doing, self._job_started, self._again = wanted, now, float("inf")

    def _reap(self, now: float) -> None:
        job = self._job
        if job is None:
            return
        if job.poll() is None:
            if now - self._job_started > LONGEST_S:
                job.kill()
            return
        assert job.stderr is not None
        # What it said is a few lines, which a pipe holds; the programs that it left running do not have its end.
        lines = job.stderr.read().decode("utf-8", "replace").strip().splitlines()
        job.stderr.close()
        for line in lines if lines != self._lines else []:
            self._say(line)
        self._lines = lines
        self._job, self._done = None, self._doing
        self._problem = "" if job.returncode == 0 else (lines[-1].removeprefix("network: ") if lines else "not set up")
        if job.returncode == 0:
            self._retry_s = FIRST_RETRY_S
        else:
            self._again = now + self._retry_s
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._say(problem)
        self._problem = problem
