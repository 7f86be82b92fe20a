# SPDX-License-Identifier: MIT
"""What the appliance consists of: how each child is started, and what must be there first."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from stratum1.paths import Paths
from stratum1.receiver.candidates import candidates
from stratum1.receiver.memory import load
from stratum1.settings import Settings
from stratum1.supervisor import accounts
from stratum1.supervisor.child import HOPELESS_RETRY_S, BlockedError, Child, Launch, State

# What the log names when there is none of all that is looked for (receiver/candidates.py).
SERIAL_NAMES = ("gps0", "ttyAMA0", "ttyS0", "ttyACM0", "ttyUSB0")

LEAN = {
    # One arena: glibc's wish for one per thread costs megabytes and wins nothing here.
    "MALLOC_ARENA_MAX": "1",
    # What is large is given back at once.  Else glibc learns from the 19 MB that the first log-in takes for its hash,
    # and keeps those of the second for ever.
    "MALLOC_MMAP_THRESHOLD_": "131072",
    # Python's own default, which it would otherwise find by loading a table of how it was built.
    "PYTHONTZPATH": "/usr/share/zoneinfo:/usr/lib/zoneinfo:/usr/share/lib/zoneinfo:/etc/zoneinfo",
}
"""The environment of every child, that it takes little memory; who starts the supervisor may say otherwise."""


class Plans:
    """`settings` may be replaced while children run; the next start goes by the new ones."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self.paths = paths
        self.settings = settings
        self._started: tuple[Path, ...] = ()

    def children(self, say: Callable[[str], None]) -> list[Child]:
        """All children, in the order in which they are started."""
        environ = {**LEAN, **os.environ, **self.paths.environment()}

        def ours(
            name: str,
            *capabilities: int,
            devices: Iterable[str] = (),
            wanted: Callable[[], bool] = lambda: True,
            arguments: Callable[[], tuple[str, ...]] = tuple,
        ) -> Child:
            def launch() -> Launch:
                if not wanted():
                    raise BlockedError("switched off in the settings", state=State.OFF)
                account = accounts.account((accounts.OURS,), *capabilities)
                found = [device for pattern in devices for device in sorted(self.paths.dev.glob(pattern))]
                # -P: the folder it happens to be started in is no place to import from.
                argv = (sys.executable, "-P", "-m", "stratum1", name, *arguments())
                return Launch(argv, accounts.with_devices(account, found))

            return Child(name, launch, environ, say, key=lambda: (wanted(), arguments()))

        keeping_time = (accounts.CAP_SYS_TIME, accounts.CAP_SYS_NICE, accounts.CAP_IPC_LOCK)
        answering = (accounts.CAP_NET_BIND_SERVICE, accounts.CAP_SYS_NICE, accounts.CAP_IPC_LOCK)
        return [
            Child("gpsd", self.gpsd, environ, say, beats=False, key=self.gpsd_key),
            ours("timekeeper", *keeping_time, devices=("pps*",)),
            ours("responder", *answering, devices=("ptp*",)),
            ours("web", accounts.CAP_NET_BIND_SERVICE),
            ours("upstream", wanted=lambda: bool(self.settings.upstream.servers), arguments=self.upstream),
            ours("alarms", wanted=lambda: bool(self.settings.ways())),
            ours("panel", devices=("i2c-*", "gpiochip*"), wanted=lambda: self.settings.panel.device != "none"),
            ours("wall", devices=("fb*",), wanted=lambda: self.settings.panel.wall),
        ]

    def upstream(self) -> tuple[str, ...]:
        """Told what of the settings it needs, that small process does without the whole of them."""
        settings = self.settings.upstream
        return "--poll", str(settings.poll_s), *settings.servers

    # gpsd

    def gpsd(self) -> Launch:
        """How to start gpsd now; BlockedError when something is missing."""
        settings = self.settings.receiver
        program = _program(settings.gpsd)
        if program is None:
            raise BlockedError(
                f"the program {settings.gpsd!r} is not there; install it (apt-get install gpsd) "
                "or name it in receiver.gpsd",
                HOPELESS_RETRY_S,
            )
        devices = self._receivers()
        if not devices:
            raise BlockedError(
                f"no GPS receiver at {self._wanted_receiver()}; seat the hat, or name its device in receiver.device"
            )
        if _taken(settings.gpsd_port):
            raise BlockedError(
                f"TCP port {settings.gpsd_port} is taken by another program, perhaps the system's own gpsd; "
                "stop that (systemctl stop gpsd.socket gpsd) or choose another receiver.gpsd_port",
                HOPELESS_RETRY_S,
            )
        # Not as root: gpsd would drop it only after opening the device, and would take hold of the PPS line before.
        account = accounts.with_devices(accounts.account(("gpsd", accounts.OURS, "nobody")), devices)
        # The receiver is found and set up first, and that process then becomes gpsd, whose user may have no right to
        # read Python: so it starts as we are and changes the user by itself.
        user = ("--as", f"{account.uid}:{account.gid}:{','.join(map(str, account.groups))}") if account else ()
        wishes = ("--constellations", ",".join(settings.constellations)) if settings.constellations else ()
        self._started = tuple(devices)
        self.paths.receiver_answer.unlink(missing_ok=True)
        files = ("--memory", str(self.paths.receiver_memory), "--answer", str(self.paths.receiver_answer))
        ours = (sys.executable, "-P", "-m", "stratum1", "receiver", *user, *files, *wishes, *map(str, devices))
        return Launch((*ours, "--", program, "-n", "-N", "-S", str(settings.gpsd_port)))

    def gpsd_key(self) -> Any:
        """Anew for other settings, and for another device when the one in use has gone; not when one is unplugged."""
        receiver = self.settings.receiver
        devices, now = self._started, tuple(self._receivers())
        if now and (not devices or self._in_use(devices) not in now):
            self._started = devices = now
        return receiver.gpsd, receiver.gpsd_port, receiver.device, receiver.constellations, devices

    def _in_use(self, devices: tuple[Path, ...]) -> Path:
        found = load(self.paths.receiver_answer).found
        return Path(found[0].device) if found else devices[0]

    def _receivers(self) -> list[Path]:
        """The devices themselves and not links to them, so that a link that leads elsewhere is seen."""
        wanted = self.settings.receiver.device
        if wanted == "auto":
            return candidates(self.paths.root)
        return [Path(wanted).resolve()] if Path(wanted).exists() else []

    def _wanted_receiver(self) -> str:
        wanted = self.settings.receiver.device
        return " or ".join(str(self.paths.dev / name) for name in SERIAL_NAMES) if wanted == "auto" else wanted


def _program(name: str) -> str | None:
    # An ordinary user's path lacks the folders in which Debian puts gpsd.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def _taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
