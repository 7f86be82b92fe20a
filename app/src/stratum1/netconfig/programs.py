# SPDX-License-Identifier: MIT
"""Programs that stay when whoever started them has ended: found again by a file with their number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

END_S = 3.0
"""What a DHCP client may take to give its lease back."""


class Programs:
    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Their numbers lie in `folder`, which only we may write."""
        self._folder = folder
        self._environ = dict(environ)

    def start(self, name: str, argv: tuple[str, ...]) -> None:
        """Start it unless it runs; FileNotFoundError when there is no such program."""
        if self.pid(name) is not None:
            return
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=self._environ,
        )
        self._file(name).write_text(f"{process.pid} {self._born(process.pid)}\n", encoding="ascii")

    def stop(self, name: str) -> None:
        """End it and wait until it has; nothing if it does not run."""
        pid = self.pid(name)
        if pid is not None:
            for number, patience in ((signal.SIGTERM, END_S), (signal.SIGKILL, 1.0)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                if self._gone(name, patience):
                    break
        self._file(name).unlink(missing_ok=True)

    def pid(self, name: str) -> int | None:
        """Its process, if that still is the one that was started."""
        try:
            pid, born = self._file(name).read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return None
        return int(pid) if self._born(int(pid)) == born else None

    def names(self) -> list[str]:
        return sorted(path.name.removesuffix(".pid") for path in self._folder.glob("*.pid"))

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _gone(self, name: str, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while self.pid(name) is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    @staticmethod
    def _born(pid: int) -> str:
        """When a process began (proc(5), field 22), which no later one of that number shares; empty = it is gone."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # if it was a child of ours
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
