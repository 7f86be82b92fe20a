# SPDX-License-Identifier: MIT
"""Makes this machine's network what a plan says, and leaves alone what is so already."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from stratum1 import safefile
from stratum1.netconfig.plan import Link, Plan
from stratum1.netconfig.programs import Programs
from stratum1.netconfig.steps import Run, Start, Step, Stop, Sysctl, Write, down, up
from stratum1.paths import Paths

PROGRAM_S = 10.0
"""No `ip` takes so long."""


class ApplyError(Exception):
    """One line: which step failed, and what was said."""


class Machine:
    """The network of this machine; root only.  One at a time: `locked()`."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._folder = paths.network_run
        environ = {**os.environ, "STRATUM1_NETWORK_STATE": str(self._folder)}
        self._environ = environ
        self.programs = Programs(self._folder, environ)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Boot script and supervisor may want the same at once."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def apply(self, plan: Plan, host: str, wait_s: float, say: Callable[[str], None]) -> bool:
        """Set all links up, waiting so long for devices that the kernel has not found; whether all is well."""
        wanted = {link.device: link for link in plan.links}
        done = {device: digest for device, digest in self._done().items() if device in devices()}
        well = True
        for device, digest in list(done.items()):
            if device not in wanted or wanted[device].digest(host) != digest or self._died(wanted[device], host):
                well &= self._try(down(device), say)
                done.pop(device)
                self._keep(done)
        names = "".join(f"nameserver {server}\n" for server in plan.dns)
        well &= self._try([Write("dns", names), Run((str(self._paths.libexec / "udhcpc.script"), "names"))], say)
        deadline = time.monotonic() + wait_s
        waiting = [link for link in plan.links if link.device not in done]
        while waiting:
            here = devices()
            for link in [link for link in waiting if link.needs in here]:
                waiting.remove(link)
                # What an earlier owner of the device, or a half-done attempt, left behind goes first.
                fresh = self._try(down(link.device), say)
                if self._try(up(link, host, self._paths.libexec, self._folder), say) and fresh:
                    done[link.device] = link.digest(host)
                    self._keep(done)
                else:
                    well = False
            if not waiting or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        for link in waiting:
            say(f"no device {link.needs}" + (": Wi-Fi is set, but this box has none" if link.wifi else ""))
        return well and not waiting

    def down(self) -> None:
        """As if nothing had ever been set up."""
        for device in self._done():
            self._try(down(device), lambda _: None)
        self._keep({})

    def identity(self, say: Callable[[str], None]) -> None:
        """Take a new name over: the one place that makes it, and who announces it."""
        scripts = self._paths.root / "etc" / "init.d"
        self._try([Run((str(scripts / "S22identity"), "start"), optional=True)], say)
        self._try([Run((str(scripts / "S50avahi-daemon"), "restart"), optional=True)], say)

    def _died(self, link: Link, host: str) -> bool:
        """Whether a program that the link needs has ended by itself."""
        starts = [step for step in up(link, host, self._paths.libexec, self._folder) if isinstance(step, Start)]
        return any(self.programs.pid(step.name) is None for step in starts if not step.optional)

    def _try(self, steps: Iterable[Step], say: Callable[[str], None]) -> bool:
        try:
            for step in steps:
                self._do(step)
        except ApplyError as error:
            say(str(error))
            return False
        return True

    def _do(self, step: Step) -> None:
        match step:
            case Run(argv, optional):
                self._run(argv, optional)
            case Sysctl(name, value):
                with contextlib.suppress(FileNotFoundError):
                    try:
                        (self._paths.proc / "sys" / name).write_text(value, encoding="ascii")
                    except PermissionError as error:
                        raise ApplyError(f"/proc/sys/{name}: {error.strerror}") from None
            case Write(name, text):
                safefile.replace(self._folder / name, text.encode())
            case Start(name, argv, optional):
                try:
                    self.programs.start(name, argv)
                except OSError as error:
                    if not optional:
                        raise ApplyError(f"{argv[0]} cannot be started: {error.strerror}") from None
            case Stop(name):
                self.programs.stop(name)

    def _run(self, argv: tuple[str, ...], optional: bool) -> None:
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=PROGRAM_S,
                env=self._environ,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            if not optional:
                why = error.strerror if isinstance(error, OSError) else "does not end"
                raise ApplyError(f"{' '.join(argv)}: {why}") from None
            return
        if done.returncode != 0 and not optional:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ApplyError(f"{' '.join(argv)}: {said[-1] if said else f'status {done.returncode}'}")

    # What was set up, kept until power-off

    def _done(self) -> dict[str, str]:
        try:
            found = json.loads((self._folder / "done.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _keep(self, done: dict[str, str]) -> None:
        safefile.replace(self._folder / "done.json", json.dumps(done).encode())


def devices() -> set[str]:
    """The network devices that the kernel has now."""
    return {name for _, name in socket.if_nameindex()}


def wifi_file(path: Path) -> str:
    """The owner's own wpa_supplicant.conf on the setup partition; empty when there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
