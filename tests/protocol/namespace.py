# SPDX-License-Identifier: MIT
"""A network of its own for programs that know port 123 alone: a namespace with a loopback and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PEERS = Path(os.environ.get("STRATUM1_PEERS", Path(__file__).resolve().parents[2] / "build" / "peers")) / "bin"

_LOOPBACK_UP = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 0x49))
print("up", flush=True)
sys.stdin.read()
"""


def peer(name: str) -> str:
    """The unpacked program `package.program`; the test is skipped, and says so, where it is missing."""
    path = PEERS / name
    if not path.exists():
        pytest.skip(f"{name} is not unpacked; scripts/peers.sh gets it")
    return str(path)


class Namespace:
    """Lives until close(); `enter` is what stands before a command to run it inside.

    Nothing inside can set this machine's clock: CAP_SYS_TIME is taken away, or, for who is not root, never was there.
    """

    def __init__(self) -> None:
        if not shutil.which("unshare") or not shutil.which("nsenter"):
            pytest.skip("unshare and nsenter (util-linux) are not here")
        root = os.geteuid() == 0
        self._keeper = subprocess.Popen(
            ["unshare", "--net", *([] if root else ["--map-root-user"]), sys.executable, "-c", _LOOPBACK_UP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"up\n":
            self.close()
            pytest.skip("this machine does not let us make a network namespace")
        self.enter = ["nsenter", "-t", str(self._keeper.pid), "--net"]
        if root:
            self.enter += ["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"]
        else:
            self.enter += ["--user", "--preserve-credentials"]

    def run(self, *command: str, seconds: float = 60.0) -> str:
        """What the command prints on both outputs, whatever its exit status."""
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        done = subprocess.run(
            [*self.enter, *command],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout + done.stderr

    @property
    def pid(self) -> int:
        """Of the process that keeps it."""
        return self._keeper.pid

    def ip(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """iproute2's ip, inside."""
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
        return subprocess.run(
            [*self.enter, "ip", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
        )

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()
        for stream in (self._keeper.stdin, self._keeper.stdout):
            if stream is not None:
                stream.close()
