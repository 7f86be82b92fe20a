# SPDX-License-Identifier: MIT
"""The demo as a person runs it, in a network namespace of its own, with a witness who asks it all the time.

Where no namespace can be made it runs on free ports of this machine's loopback, and clients that know
port 123 alone have nothing to ask.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stratum1 import demo
from stratum1.paths import Paths
from stratum1.settings import save

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT / "build" / "peers" / "bin"
AS_ROOT = os.geteuid() == 0
NEW_NAMESPACE = ["unshare", "--net"] if AS_ROOT else ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
WITH_LOOPBACK = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def can_make_namespaces() -> bool:
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return False
    return subprocess.run([*NEW_NAMESPACE, *WITH_LOOPBACK, "true"], capture_output=True).returncode == 0


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET6, kind) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, happens: Callable[[], Any], within_s: float = 30.0) -> Any:
    """The first true value of `happens()`."""
    deadline = time.monotonic() + within_s
    while True:
        value = happens()
        if value:
            return value
        assert time.monotonic() < deadline, f"within {within_s:.0f} s it did not happen that {what}"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Lab:
    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.paths = Paths(root=Path("/"), run=folder / "run", data=folder / "data")
        self.own_network = can_make_namespaces()
        if self.own_network:
            ports = {"ntp.port": 123, "web.port": 8080, "receiver.gpsd_port": 12947}
        else:
            ports = {
                "ntp.port": free_port(socket.SOCK_DGRAM),
                "web.port": free_port(socket.SOCK_STREAM),
                "receiver.gpsd_port": free_port(socket.SOCK_STREAM),
            }
        chosen = demo.settings(self.paths)
        for key, value in {**ports, **settings}.items():
            chosen = chosen.changed(key, value)
        self.settings = chosen
        save(self.paths.settings, chosen)
        self.testimony = folder / "testimony"
        self.told = folder / "told"
        self._keeper = self._keep_network() if self.own_network else None
        self._witness: subprocess.Popen[bytes] | None = None
        self._demo: subprocess.Popen[bytes] | None = None

    # Processes

    def _keep_network(self) -> subprocess.Popen[bytes]:
        """A process whose life is the namespace's."""
        keeper = subprocess.Popen([*NEW_NAMESPACE, *WITH_LOOPBACK, "sh", "-c", "echo; exec sleep infinity"], stdout=-1)
        assert keeper.stdout is not None
        keeper.stdout.readline()
        return keeper

    def inside(self, *argv: str) -> list[str]:
        """`argv` as a command in the demo's network."""
        if self._keeper is None:
            return list(argv)
        enter = ["nsenter", "--target", str(self._keeper.pid), "--net"]
        if not AS_ROOT:
            enter += ["--user", "--preserve-credentials"]
        return [*enter, *argv]

    def start(self) -> None:
        argv = self.inside(sys.executable, "-P", "-m", "stratum1", "demo", "--dir", str(self.folder))
        with self.told.open("ab") as told:
            self._demo = subprocess.Popen(argv, stdout=told, stderr=told, stdin=subprocess.DEVNULL)

    def watch(self) -> None:
        """From here on the witness asks, ten times a second."""
        argv = self.inside(
            sys.executable, str(Path(__file__).with_name("ntp_witness.py")), str(self.settings.ntp.port), "0.1"
        )
        with self.testimony.open("ab") as file:
            self._witness = subprocess.Popen(argv, stdout=file, stdin=subprocess.DEVNULL)

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Ctrl-C; the exit status."""
        assert self._demo is not None
        self._demo.send_signal(number)
        return self._demo.wait(timeout=20)

    def close(self) -> None:
        if self._demo is not None and self._demo.poll() is None:
            self.interrupt()
        for process in (self._witness, self._keeper):
            if process is not None:
                process.kill()
                process.wait()

    def processes(self) -> dict[str, int]:
        """Everything that the demo started, by what it is."""
        assert self._demo is not None
        found: dict[str, int] = {}
        for entry in Path("/proc").iterdir():
            try:
                environ = (entry / "environ").read_bytes()
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"STRATUM1_RUN={self.paths.run}".encode() in environ.split(b"\0") and alive(int(entry.name)):
                name = Path(os.fsdecode(words[0])).name
                if b"stratum1" in words:
                    name = os.fsdecode(words[words.index(b"stratum1") + 1])
                found[name] = int(entry.name)
        return found

    # What can be asked

    def command(self, *verb: str) -> subprocess.CompletedProcess[str]:
        """`stratum1 VERB` as the demo offers it to be typed."""
        return subprocess.run([str(self.folder / "stratum1"), *verb], capture_output=True, text=True, timeout=30)

    def status(self) -> dict[str, Any]:
        found = self.command("status", "--json")
        return dict(json.loads(found.stdout)) if found.stdout else {}

    def state(self) -> str:
        return str(self.status().get("state", ""))

    def children(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads(self.paths.children_status.read_bytes()))
        except (OSError, ValueError):
            return {}

    def get(self, path: str, port: int = 0) -> str:
        """A page; empty when there is none."""
        url = f"http://localhost:{port or self.settings.web.port}{path}"
        program = f"import urllib.request as u; print(u.urlopen({url!r}, timeout=5).read().decode())"
        found = subprocess.run(self.inside(sys.executable, "-c", program), capture_output=True, text=True, timeout=30)
        return found.stdout if found.returncode == 0 else ""

    def client(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program of build/peers, in the demo's network, without the right to set a clock."""
        argv = [str(PEERS / name), *arguments]
        if AS_ROOT:
            argv = ["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time", *argv]
        return subprocess.run(
            self.inside(*argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
        )

    def answers(self, since: float = 0.0) -> list[dict[str, Any]]:
        """What the witness was answered since then (Unix time), silence left out."""
        lines = self.testimony.read_text().splitlines()[:-1]
        found = [json.loads(line) for line in lines]
        return [answer for answer in found if answer["at"] >= since and "silence" not in answer]

    def answer(self) -> dict[str, Any]:
        """What is answered now."""
        since = time.time()
        return dict(eventually("the server answers", lambda: self.answers(since))[-1])
