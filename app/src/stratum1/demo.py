# SPDX-License-Identifier: MIT
"""`stratum1 demo`: the appliance on this PC, with a GPS hat in software.

It writes a settings file that names the hat's devices and ports that need no root, and starts the hat and
`stratum1 supervise`; from there on nothing knows that it is a demo. This machine's clock is left alone.
"""

from __future__ import annotations

import argparse
import fcntl
import getpass
import os
import shlex
import shutil
import signal
import stat
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.status import children_in_trouble, read
from stratum1.supervisor.spawn import spawn

FAILED = 2
NTP_PORT = 123
HAT_READY_S = 10.0
END_S = 3.0
LONGEST_SOCKET_PATH = 100
"""A Unix socket's path has 107 bytes (unix(7)); the hat's names fit in the rest."""

CHOICES = {
    "ntp.port": 11123,
    "web.port": 8080,
    "web.https_port": 8443,
    "receiver.gpsd_port": 12947,
    "timekeeper.steer": "none",
    "panel.device": "picture",
    # So that the end of holdover is seen a minute after the antenna was pulled.
    "timekeeper.holdover_limit_h": 1 / 60,
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="stratum1 demo",
        description="Run the appliance on this PC with a simulated GPS hat; Ctrl-C ends it. No clock is touched.",
    )
    parser.add_argument("--dir", type=Path, required=True, help="folder for its settings, data and sockets")
    options = parser.parse_args(argv)
    folder: Path = options.dir.absolute()
    paths = Paths(root=Path("/"), run=folder / "run", data=folder / "data")
    if len(os.fsencode(paths.hat_control)) > LONGEST_SOCKET_PATH:
        return _fail(f"the path of {folder} is too long for sockets in it; choose a shorter one with --dir")
    try:
        for needed in (paths.run, paths.data):
            needed.mkdir(parents=True, exist_ok=True)
        if not paths.settings.exists():
            save(paths.settings, settings(paths))
        command = _write_command(folder, paths)
        with (folder / "log").open("ab") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _fail(f"a demo runs in {folder} already; end it with Ctrl-C or choose another --dir")
            log.truncate(0)
            return Demo(paths, log.fileno(), folder / "log").run(command)
    except OSError as error:
        return _fail(f"{error.filename or folder}: {error.strerror}; choose another folder with --dir")


def settings(paths: Paths) -> Settings:
    """What a demo in these folders runs with unless its settings file says otherwise."""
    chosen = Settings()
    devices = {"receiver.device": str(paths.hat_serial), "pulse.device": str(paths.hat_pulses)}
    for key, value in {**CHOICES, **devices}.items():
        chosen = chosen.changed(key, value)
    return chosen


def _write_command(folder: Path, paths: Paths) -> Path:
    """`stratum1` for this demo, to be typed in another terminal."""
    command = folder / "stratum1"
    variables = " ".join(f"{key}={shlex.quote(value)}" for key, value in paths.environment().items())
    command.write_text(f'#!/bin/sh\nexec env {variables} {shlex.quote(sys.executable)} -P -m stratum1 "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return command


@dataclass
class Demo:
    paths: Paths
    log: int
    log_path: Path
    running: dict[str, int] = field(default_factory=dict)
    """Processes of ours, by what they are."""
    stopped: bool = False

    def run(self, command: Path) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            return self._run(command)
        finally:
            self._end()

    def _stop(self, *_: object) -> None:
        self.stopped = True

    def _run(self, command: Path) -> int:
        print("starting the simulated GPS hat and the appliance; Ctrl-C ends both", flush=True)
        self._start("hat", "hat", "serve")
        if not self._await_hat():
            return self._lost("hat")
        self._start("appliance", "supervise")
        print(_what_to_type(self.paths, command, self.log_path), flush=True)
        return self._watch()

    def _start(self, what: str, *verb: str) -> None:
        argv = [sys.executable, "-P", "-m", "stratum1", *verb]
        environ = {**os.environ, **self.paths.environment()}
        words = [os.fsencode(word) for word in argv]
        self.running[what] = spawn(words, [os.fsencode(f"{key}={value}") for key, value in environ.items()], self.log)

    def _await_hat(self) -> bool:
        deadline = time.monotonic() + HAT_READY_S
        while time.monotonic() < deadline and not self.stopped and not self._ended("hat"):
            if self.paths.hat_serial.exists() and self.paths.hat_pulses.exists():
                return True
            time.sleep(0.05)
        return self.stopped

    def _watch(self) -> int:
        """Tell each change of state, until it is stopped."""
        said = ""
        told: set[str] = set()
        while not self.stopped:
            for what in self.running:
                if self._ended(what):
                    return self._lost(what)
            status = read(self.paths)
            if self.paths.tracking.exists() and f"{status.state}{status.reason}" != said:
                said = f"{status.state}{status.reason}"
                print(f"{time.strftime('%H:%M:%S')}  {status.line()}", flush=True)
            for trouble in children_in_trouble(self.paths):
                if trouble not in told:
                    told.add(trouble)
                    print(f"{time.strftime('%H:%M:%S')}  {trouble}", flush=True)
            time.sleep(0.25)
        return 0

    def _ended(self, what: str) -> bool:
        pid = self.running.get(what)
        if pid is None:
            return True
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            return False
        del self.running[what]
        return True

    def _lost(self, what: str) -> int:
        if self.stopped:
            return 0
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        last = lines[-1] if lines else "it said nothing"
        return _fail(f"the {what} ended: {last}   (more in {self.log_path})")

    def _end(self) -> None:
        """First the appliance, then the hat that it lives on; nothing is left after 2 x END_S."""
        for what in ("appliance", "hat"):
            pid = self.running.get(what)
            if pid is None:
                continue
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + END_S
            while not self._ended(what):
                if time.monotonic() > deadline:
                    os.killpg(pid, signal.SIGKILL)
                time.sleep(0.02)
        print("ended", flush=True)


def _what_to_type(paths: Paths, command: Path, log: Path) -> str:
    chosen = load(paths.settings).settings
    program, page = _short(command), f"http://localhost:{chosen.web.port}/"
    ask = f"{_chronyd()} -U -u {getpass.getuser()} -Q -t 9 'server 127.0.0.1 port {chosen.ntp.port} iburst'"
    rows = [
        ("open", page),
        ("panel", f"{_short(paths.panel_picture)}, drawn anew every second"),
        ("ask it", ask),
        ("status", f"{program} status"),
        ("antenna", f"{program} hat --no-pulse   unplugs it, {program} hat --resume   plugs it back"),
        ("log", _short(log)),
    ]
    if chosen.ntp.port != NTP_PORT and os.geteuid() == 0:
        rows.insert(3, ("ntpdig", f"knows port 123 only: {program} settings set ntp.port 123, then ntpdig 127.0.0.1"))
    return "\n" + "".join(f"  {label:<8}  {text}\n" for label, text in rows)


def _chronyd() -> str:
    """An installed chronyd, else the one that `make peers` unpacks."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    unpacked = Path("build/peers/bin/chrony.chronyd")
    return shutil.which("chronyd", path=path) or (str(unpacked) if unpacked.exists() else f"make peers; {unpacked}")


def _short(path: Path) -> str:
    """As one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _fail(text: str) -> int:
    print(f"stratum1 demo: {text}", file=sys.stderr)
    return FAILED
