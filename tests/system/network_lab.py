# SPDX-License-Identifier: MIT
"""A box and its router: two network namespaces with a cable between them, and the real supervisor in one of them.

`ip`, `udhcpc` and `udhcpd` are BusyBox's, as on the appliance.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stratum1.paths import Paths
from stratum1.settings import Settings, load, save

TOP = Path(__file__).resolve().parents[2]
LIBEXEC = TOP / "overlays" / "rootfs" / "usr" / "libexec" / "stratum1"
PATIENCE_S = 40.0
APPLETS = ("ip", "udhcpc", "udhcpd", "hostname")
ROUTER = "192.168.77.1"
LEASE = "192.168.77.100"
FIXED = "192.168.77.5"

LEASES = f"""\
start {LEASE}
end {LEASE}
interface up0
lease_file /dev/null
pidfile /dev/null
option subnet 255.255.255.0
option router {ROUTER}
option dns {ROUTER}
option lease 3600
"""


def wait_for(what: str, true: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.1)
    return found


class Lab:
    """`box` and `router` are namespaces; `close()` ends everything in them."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can make network namespaces with a cable between them")
        missing = [name for name in ("busybox", "ip", "nsenter", "unshare") if shutil.which(name) is None]
        applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True).stdout.split()
        missing += [f"busybox {name}" for name in APPLETS if name not in applets]
        if missing:
            pytest.skip(f"not here: {', '.join(missing)}")
        self.folder = folder
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name in APPLETS:
            (self.tools / name).symlink_to(str(shutil.which("busybox")))
        self.paths = Paths(root=folder / "root", run=folder / "run" / "stratum1", data=folder / "data")
        for place in (self.paths.libexec.parent, self.paths.run, self.paths.data):
            place.mkdir(parents=True)
        (self.paths.root / "proc").symlink_to("/proc")
        (self.paths.root / "sys").symlink_to("/sys")
        self.paths.libexec.mkdir()
        # Not `steady`: it would set this machine's interrupts.
        (self.paths.libexec / "udhcpc.script").symlink_to(LIBEXEC / "udhcpc.script")
        self.resolv = folder / "resolv.conf"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.keepers = [self._namespace() for _ in range(2)]
        self.box, self.router = (["nsenter", "-t", str(keeper.pid), "--net"] for keeper in self.keepers)
        self.log = (folder / "log").open("w+")
        self._cable()
        self.supervisor: subprocess.Popen[bytes] | None = None

    def _namespace(self) -> subprocess.Popen[bytes]:
        keeper = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo up; read _"], stdin=-1, stdout=-1)
        assert keeper.stdout is not None
        if keeper.stdout.readline() != b"up\n":
            pytest.skip("this machine does not let us make a network namespace")
        return keeper

    def _cable(self) -> None:
        box, router = (str(keeper.pid) for keeper in self.keepers)
        self.on(self.router, "ip", "link", "set", "lo", "up")
        self.on(self.box, "ip", "link", "set", "lo", "up")
        cable = ["ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", box]
        made = subprocess.run([*self.router, "/sbin/ip", *cable[1:]], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"no virtual cable here: {made.stderr.strip()}")
        del router
        self.on(self.router, "ip", "address", "add", f"{ROUTER}/24", "dev", "up0")
        self.on(self.router, "ip", "link", "set", "up0", "up")
        (self.folder / "udhcpd.conf").write_text(LEASES)
        self.start([*self.router, str(self.tools / "udhcpd"), "-f", str(self.folder / "udhcpd.conf")])

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.paths.environment(),
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(TOP / "app" / "src"),
            "STRATUM1_RESOLV_CONF": str(self.resolv),
        }

    def on(self, where: list[str], *command: str) -> str:
        """What `command` prints in a namespace."""
        program = [str(self.tools / command[0]), *command[1:]] if command[0] in APPLETS else list(command)
        done = subprocess.run([*where, *program], capture_output=True, text=True, env=self.environ, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def router_vlan(self, number: int) -> bool:
        """Whether the router's end of the cable could be given that VLAN, with an address in it."""
        name = f"up0.{number}"
        tool = [*self.router, str(self.tools / "ip"), "link", "add", "link", "up0", "name", name, "type", "vlan"]
        if subprocess.run([*tool, "id", str(number)], capture_output=True, check=False).returncode != 0:
            return False
        self.on(self.router, "ip", "address", "add", f"192.168.{number}.1/24", "dev", name)
        self.on(self.router, "ip", "link", "set", name, "up")
        return True

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=self.environ, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.folder
        )
        self.processes.append(process)
        return process

    def supervise(self) -> None:
        """The whole appliance but the receiver, in the box."""
        settings = load(self.paths.settings).settings
        if not self.paths.settings.exists():
            for key, value in {
                "timekeeper.steer": "none",
                "panel.device": "none",
                "receiver.gpsd": "no-such-gpsd",
                "receiver.device": "/dev/no-such-receiver",
                "pulse.device": str(self.paths.hat_pulses),
            }.items():
                settings = settings.changed(key, value)
            save(self.paths.settings, settings)
        command = [sys.executable, "-P", "-m", "stratum1", "supervise", "--network"]
        self.supervisor = self.start([*self.box, "setpriv", "--bounding-set=-sys_time", *command])

    def stop_supervisor(self, number: int = signal.SIGTERM) -> None:
        assert self.supervisor is not None
        self.supervisor.send_signal(number)
        self.supervisor.wait(timeout=20)

    def apply(self) -> None:
        self.on(self.box, sys.executable, "-P", "-m", "stratum1", "network", "apply")

    def forget(self) -> None:
        """What a start of the machine does to RAM; its programs and addresses are gone, too."""
        self._kill_programs()
        shutil.rmtree(self.paths.run.parent)
        self.paths.run.mkdir(parents=True)
        self.on(self.box, "ip", "address", "flush", "dev", "eth0")

    def set(self, **keys: Any) -> None:
        """Change the section network as a whole, as the page does."""
        tables = load(self.paths.settings).settings.tables()
        tables["network"] = {**tables.get("network", {}), **keys}
        save(self.paths.settings, Settings.from_tables(tables))

    @property
    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.paths.network_status.read_bytes())
            return found
        except (OSError, ValueError):
            return {}

    def addresses(self, device: str = "eth0") -> str:
        shown = subprocess.run(
            [*self.box, str(self.tools / "ip"), "-o", "address", "show", "dev", device], capture_output=True, text=True
        )
        return shown.stdout

    def has(self, address: str, device: str = "eth0") -> bool:
        return f" {address}/" in self.addresses(device)

    def reaches(self, address: str, port: int = 80) -> bool:
        """Whether the router gets a TCP connection to the box."""
        probe = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"
        command = [*self.router, sys.executable, "-c", probe, address, str(port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._kill_programs()
        for keeper in self.keepers:
            keeper.kill()
            keeper.wait()
        self.log.close()

    def _kill_programs(self) -> None:
        """The clients that are meant to outlive the supervisor."""
        for note in self.paths.network_run.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(note.read_text().split()[0]), signal.SIGKILL)
