# SPDX-License-Identifier: MIT
"""How the tests get into the guest: by the remote shell that a key on the setup partition opens, as a person would.

So the image is the one that is given away, and nothing of the tests is in it.
"""

from __future__ import annotations

import json
import select
import subprocess
import time
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("agent.py")
OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=20",
    "KexAlgorithms=curve25519-sha256",  # what newer ones add takes an emulated processor a second
)  # fmt: skip


class HandsError(Exception):
    """The guest does not let us in, or is gone."""


def make_key(folder: Path) -> Path:
    """The file of a new private key; its public half lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "key"
    for old in (key, key.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    return key


class Hands:
    """The agent in the guest, started when it is first wanted and again when the guest was restarted."""

    def __init__(self, port: int, key: Path) -> None:
        self._shell = ["ssh", "-i", str(key), "-p", str(port)]
        self._shell += [word for option in OPTIONS for word in ("-o", option)]
        self._agent: subprocess.Popen[bytes] | None = None

    def __call__(self, order: str, timeout: float = 30.0) -> Any:
        """What the agent answers to `order`; HandsError when it cannot be reached or asked in time."""
        try:
            if self._agent is None:
                self._agent = self._start()
            return self._ask(self._agent, order, timeout)
        except (OSError, HandsError):
            self.forget()
            raise

    def forget(self) -> None:
        if self._agent is not None:
            self._agent.kill()
            self._agent.communicate()
            self._agent = None

    def _start(self) -> subprocess.Popen[bytes]:
        source = AGENT.read_bytes()
        # head may read more than it writes, so nothing is sent after the program until that says that it is there.
        command = f"head -c {len(source)} > /run/agent.py && exec python3 -P /run/agent.py"
        agent = subprocess.Popen(
            [*self._shell, "root@127.0.0.1", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert agent.stdin is not None
        try:
            agent.stdin.write(source)
            agent.stdin.flush()
            self._answer(agent, "start", 60.0)
        except (OSError, HandsError):
            agent.kill()
            agent.communicate()
            raise
        return agent

    def _ask(self, agent: subprocess.Popen[bytes], order: str, timeout: float) -> Any:
        assert agent.stdin is not None
        agent.stdin.write(order.encode() + b"\n")
        agent.stdin.flush()
        return self._answer(agent, order, timeout)

    def _answer(self, agent: subprocess.Popen[bytes], order: str, timeout: float) -> Any:
        assert agent.stdout is not None
        deadline = time.monotonic() + timeout
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([agent.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise HandsError(f"agent {order!r}: no answer in {timeout:.0f} s")
            piece = agent.stdout.read1(65536)  # type: ignore[attr-defined]
            if not piece:
                raise HandsError(f"agent {order!r}: the guest has closed the connection")
            line += piece
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"agent {order!r}: {answer['error']}")
        return answer["ok"]
