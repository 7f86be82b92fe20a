# SPDX-License-Identifier: MIT
"""The virtual machine: QEMU's `virt` board with the hat's lines in its device tree.

Sockets lie in a short folder of their own below the temporary folder; the disk is a file that outlives a power cut.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QEMU = "qemu-system-aarch64"
GPIO_NODE = "/pl061@9030000"
PULSE_LINE, SDA_LINE, SCL_LINE = 5, 4, 2
"""As in hat/hat.h; the buttons need no node, the panel reads their lines by number."""
REVISION = 0x00B03115
"""Of a Raspberry Pi 4 B: the library behind the panel's buttons works on no board without one."""
MEMORY_MB = 1024
SETUP_OFFSET = 1 << 20
"""Of the setup partition on the card, bytes: the first one, aligned to 1 MiB."""


def device_tree(path: Path) -> None:
    """The board's own tree with pulse, OLED bus and buttons added on the PL061."""
    board = [
        "-M",
        f"virt,gic-version=2,dumpdtb={path}",
        "-cpu",
        "cortex-a72",
        "-m",
        str(MEMORY_MB),
        "-smp",
        "1",
        "-nodefaults",
    ]
    subprocess.run([QEMU, *board, "-display", "none"], check=True, capture_output=True)
    gpio = subprocess.run(
        ["fdtget", "-t", "x", str(path), GPIO_NODE, "phandle"], check=True, capture_output=True, text=True
    ).stdout.strip()

    def put(node: str, name: str, *values: str, kind: str = "s") -> None:
        subprocess.run(["fdtput", "-t", kind, str(path), node, name, *values], check=True)

    for node in ("/pps-gpio", "/i2c-oled", "/system"):
        subprocess.run(["fdtput", "-c", str(path), node], check=True)
    put("/system", "linux,revision", f"{REVISION:x}", kind="x")
    put("/pps-gpio", "compatible", "pps-gpio")
    put("/pps-gpio", "gpios", gpio, str(PULSE_LINE), "0", kind="x")
    put("/i2c-oled", "compatible", "i2c-gpio")
    # Push-pull: the virtual bus has no pull-ups, and the hat holds SDA low when the guest reads it.
    put("/i2c-oled", "sda-gpios", gpio, str(SDA_LINE), "0", kind="x")
    put("/i2c-oled", "scl-gpios", gpio, str(SCL_LINE), "0", kind="x")
    for flag in ("sda-has-no-pullup", "scl-has-no-pullup", "sda-output-only", "scl-output-only"):
        subprocess.run(["fdtput", str(path), "/i2c-oled", f"i2c-gpio,{flag}"], check=True)
    put("/i2c-oled", "i2c-gpio,delay-us", "2", kind="x")


def free_port() -> int:
    """A port that is free on the loopback address for both UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            with contextlib.suppress(OSError):
                tcp.bind(("127.0.0.1", port))
                return port


class Qmp:
    """QEMU's machine protocol."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw", encoding="utf-8")
        json.loads(self._file.readline())
        self("qmp_capabilities")

    def __call__(self, command: str, **arguments: Any) -> Any:
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"qmp {command}: {answer['error']['desc']}")

    def find(self, kind: str, path: str = "/machine") -> str | None:
        """Path of the first object of type `kind`."""
        for item in self("qom-list", path=path):
            if item["type"] == f"child<{kind}>":
                return f"{path}/{item['name']}"
            if item["type"].startswith("child<"):
                found = self.find(kind, f"{path}/{item['name']}")
                if found:
                    return found
        return None


@dataclass
class Machine:
    """One virtual machine; `start` may be called again after a power cut, the disk stays."""

    kernel: Path
    initrd: Path | None
    pristine: Path
    """The disk as built; this machine writes on its own copy."""
    folder: Path
    """Where the logs, the disk and the pictures are kept."""
    append: str = ""
    receiver: str = "ublox"
    """What the hat's receiver speaks: nmea alone, or ublox, which is both."""
    ntp_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)
    ssh_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sockets = Path(tempfile.mkdtemp(prefix="s1vm"))
        self.disk = self.folder / "disk.img"
        self.console = self.folder / "console.log"
        self.frame = self.folder / "frame.pbm"
        self._qemu: subprocess.Popen[bytes] | None = None
        self._hat: subprocess.Popen[str] | None = None
        self._one_order = threading.Lock()

    def _copy_disk(self) -> None:
        if not self.disk.exists():
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(self.pristine), str(self.disk)], check=True)

    def preset(self, name: str, content: str) -> None:
        """Put a file on the setup partition, as a person does with a card reader."""
        self._copy_disk()
        file = self.folder / name
        file.write_text(content, encoding="utf-8")
        subprocess.run(["mcopy", "-o", "-i", f"{self.disk}@@{SETUP_OFFSET}", str(file), "::"], check=True)

    def start(self, hat_program: Path, *orders: str, clock: str = "utc", true_offset_s: int = 0) -> None:
        """Power on.

        `clock` is QEMU's -rtc base, `true_offset_s` the hat's time against the host's, `orders` what the hat
        begins with.
        """
        for old in self.sockets.iterdir():
            old.unlink()
        tree = self.folder / "board.dtb"
        if not tree.exists():
            device_tree(tree)
        self._copy_disk()
        self.shared = self.sockets / "shared"
        with self.shared.open("wb") as shared:
            shared.truncate(1 << 20)
        with self.console.open("ab") as log:
            log.write(f"\n--- power on, clock {clock} ---\n".encode())
        self._qemu = subprocess.Popen(self._command(tree, clock), stdin=subprocess.DEVNULL, start_new_session=True)
        self._wait_for("qmp", "qtest", "gps")
        self.qmp = Qmp(self.sockets / "qmp")
        command = [str(hat_program), str(self.sockets / "qtest"), str(self.sockets / "gps")]
        command += [str(self.qmp.find("pl061")), str(self.frame), self.receiver, str(true_offset_s), *orders]
        self._hat = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._prefer()

    def _command(self, tree: Path, clock: str) -> list[str]:
        def listen(name: str) -> str:
            return f"socket,id={name},path={self.sockets / name},server=on,wait=off"

        forward = f"hostfwd=udp:127.0.0.1:{self.ntp_port}-:123,hostfwd=tcp:127.0.0.1:{self.web_port}-:80"
        forward += f",hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        words = f"console=hvc0 cryptomgr.notests panic=1 quiet {self.append}".strip()
        command = [QEMU, "-M", "virt,gic-version=2", "-cpu", "cortex-a72", "-smp", "1", "-m", str(MEMORY_MB)]
        command += ["-accel", "tcg,thread=multi", "-nodefaults", "-display", "none", "-dtb", str(tree)]
        command += ["-kernel", str(self.kernel), "-append", words, "-rtc", f"base={clock},clock=host"]
        if self.initrd is not None:
            command += ["-initrd", str(self.initrd)]
        command += ["-chardev", listen("gps"), "-serial", "chardev:gps"]
        command += ["-chardev", f"file,id=console,path={self.console},append=on"]
        command += ["-device", "virtio-serial-pci,max_ports=1", "-device", "virtconsole,chardev=console"]
        command += ["-qmp", f"unix:{self.sockets / 'qmp'},server=on,wait=off"]
        command += ["-qtest", f"unix:{self.sockets / 'qtest'},server=on,wait=off", "-qtest-log", "/dev/null"]
        command += ["-netdev", f"user,id=net,{forward}", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-drive", f"file={self.disk},format=raw,if=none,id=card,cache=writethrough"]
        command += ["-device", "virtio-blk-pci,drive=card"]
        command += ["-object", f"memory-backend-file,id=shared,mem-path={self.shared},size=1M,share=on"]
        command += ["-device", "ivshmem-plain,memdev=shared"]
        command += ["-device", "i6300esb", "-action", "watchdog=reset"]
        return command

    def _wait_for(self, *names: str) -> None:
        assert self._qemu is not None
        deadline = time.monotonic() + 20
        while not all((self.sockets / name).exists() for name in names):
            if self._qemu.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"QEMU did not start, status {self._qemu.returncode}; see {self.console}")
            time.sleep(0.05)

    def _prefer(self) -> None:
        """QEMU's own threads before everything, the virtual core before ordinary work (at FIFO it would starve us)."""
        assert self._qemu is not None
        for task in Path(f"/proc/{self._qemu.pid}/task").iterdir():
            with contextlib.suppress(OSError, ProcessLookupError):
                if (task / "comm").read_text().startswith("CPU"):
                    os.setpriority(os.PRIO_PROCESS, int(task.name), -15)
                else:
                    os.sched_setscheduler(int(task.name), os.SCHED_FIFO, os.sched_param(20))

    def hat(self, order: str) -> str:
        """One order to the hat, and what it has to say; RuntimeError when it does not take it."""
        with self._one_order:
            assert self._hat is not None and self._hat.stdin is not None and self._hat.stdout is not None
            try:
                self._hat.stdin.write(order + "\n")
                self._hat.stdin.flush()
                answer = self._hat.stdout.readline().strip()
            except OSError as error:
                raise RuntimeError(f"hat {order!r}: {error}") from None
        word, _, said = answer.partition(" ")
        if word != "ok":
            raise RuntimeError(f"hat {order!r}: {answer or 'no answer'}")
        return said

    def lend_port_123(self) -> str | None:
        """An address of the loopback network at whose port 123 the guest answers too; None where that is forbidden."""
        address = "127.0.0.43"
        line = f"hostfwd_add net udp:{address}:123-:123"
        refused = self.qmp("human-monitor-command", **{"command-line": line}).strip()
        return None if refused else address

    def power_cut(self) -> None:
        """As if the plug were pulled: nothing is told to the guest."""
        for process in (self._hat, self._qemu):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def close(self) -> None:
        self.power_cut()
        shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def alive(self) -> bool:
        return self._qemu is not None and self._qemu.poll() is None
