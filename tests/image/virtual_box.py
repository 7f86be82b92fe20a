# SPDX-License-Identifier: MIT
"""The built image, started in QEMU as its owner would start it: a card, a network, a plug that can be pulled."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from image_tree import TOP, need, run

Result = TypeVar("Result")
CARD_BYTES = 1 << 30
SETUP_START = 1 << 20
KERNEL_LINE = "root=PARTUUID=53545231-05 rootfstype=squashfs ro rootwait console=hvc0 panic=5"


def built() -> Path:
    """The folder of a built QEMU image; the test is skipped where none has been built."""
    place = Path(os.environ.get("STRATUM1_IMAGE_DIR") or TOP / "build" / "image" / "output-qemu" / "images")
    if not (place / "disk.img").exists():
        pytest.skip("no image here: `make image-qemu` builds one, or name its folder in STRATUM1_IMAGE_DIR")
    return place


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, look: Callable[[], Result | None], seconds: float) -> Result:
    deadline = time.monotonic() + seconds
    while True:
        if (found := look()) is not None:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.3)


class Box:
    def __init__(self, folder: Path, image: Path | None = None, megabytes: int = 512) -> None:
        need("qemu-system-aarch64", "mcopy", "ssh", "ssh-keygen")
        self.megabytes = megabytes
        self.folder = folder
        self.card = folder / "card.img"
        self.console = folder / "console.log"
        self.key = folder / "key"
        shutil.copy(image or built() / "disk.img", self.card)
        os.truncate(self.card, CARD_BYTES)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        self.put("authorized_keys", Path(f"{self.key}.pub").read_text())
        self.process: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, int] = {}
        self.line = KERNEL_LINE
        self.restarts = True
        """Off: a restart ends QEMU, and the test plays the firmware."""

    def put(self, name: str, text: str) -> None:
        """Write a file to the setup partition, as its owner does on a PC."""
        (self.folder / name).write_text(text)
        result = run("mcopy", "-o", "-i", f"{self.card}@@{SETUP_START}", self.folder / name, f"::{name}")
        assert result.returncode == 0, result.stderr

    def start(self) -> None:
        stream = socket.SOCK_STREAM
        self.ports = {"ssh": free_port(stream), "web": free_port(stream), "ntp": free_port(socket.SOCK_DGRAM)}
        forward = f"hostfwd=tcp:127.0.0.1:{self.ports['ssh']}-:22,hostfwd=tcp:127.0.0.1:{self.ports['web']}-:80"
        forward += f",hostfwd=udp:127.0.0.1:{self.ports['ntp']}-:123"
        self.process = subprocess.Popen(self.command(forward), stdin=subprocess.DEVNULL)

    def command(self, forward: str) -> list[str]:
        """QEMU's; `forward` leads the host's ports to those of the box."""
        command = ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", str(self.megabytes)]
        # The only serial port is the receiver's, as on the Pi, and nothing is plugged into it.
        command += ["-display", "none", "-monitor", "none", "-serial", "null", "-device", "virtio-serial-pci"]
        command += ["-chardev", f"file,id=console,path={self.console}", "-device", "virtconsole,chardev=console"]
        command += ["-kernel", str(built() / "Image"), "-append", self.line]
        command += ["-drive", f"file={self.card},format=raw,if=none,id=card,cache=writeback"]
        command += ["-device", "virtio-blk-pci,drive=card"]
        command += ["-netdev", f"user,id=net,hostname=pc,{forward}", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "virtio-rng-pci", "-device", "i6300esb", "-action", "watchdog=reset"]
        return command if self.restarts else [*command, "-no-reboot"]

    def pull_the_plug(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def ssh(self, command: str) -> list[str]:
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10"]
        # A box that is reset in between does not say so.
        options += ["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"]
        return ["ssh", "-q", *options, "-i", str(self.key), "-p", str(self.ports["ssh"]), "root@127.0.0.1", command]

    def shell(self, command: str) -> str | None:
        """What a command prints on the box; None while the box cannot be reached."""
        result = run(*self.ssh(command))
        return None if result.returncode == 255 else result.stdout

    def status(self) -> dict[str, Any] | None:
        url = f"http://127.0.0.1:{self.ports['web']}/api/v1/status"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found: dict[str, Any] = json.loads(answer.read())
                return found
        except OSError:
            return None

    def ask(self) -> bytes | None:
        """One NTP request (RFC 5905 section 7.3); None without an answer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.connect(("127.0.0.1", self.ports["ntp"]))
            try:
                client.send(bytes([0x23]) + bytes(47))
                return client.recv(512)
            except OSError:
                return None
