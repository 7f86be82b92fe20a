# SPDX-License-Identifier: MIT
"""The built card in QEMU's Raspberry Pi 3 B; `pi_board.py [CARD.img]` boots it and says what it sees.

QEMU has no boot firmware, so what the firmware does is done here: `autoboot.txt` names the partition, `config.txt` the
kernel, the tree gets our overlay, what `disable-bt` takes away, and the board's revision. Everything else, the
kernel's command line included, is the card's; the watchdog alone is left out. There is no pulse and no receiver on this
board.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from image_tree import TOP, need, run
from virtual_box import Box, wait_for

REVISION = "a02082"
"""Pi 3 B, 1 GB (the only Pi 3 that QEMU knows)."""
TREES = ("bcm2710-rpi-3-b.dtb", "bcm2837-rpi-3-b.dtb")
"""Raspberry Pi's own kernel and the mainline one name it differently; the firmware looks for both."""
BLUETOOTH = "/soc/serial@7e201000/bluetooth"
NO_WATCHDOG = "initcall_blacklist=bcm2835_wdt_driver_init"
"""QEMU's board takes the arming of the watchdog for its end and starts anew at once."""
SECTOR = 512


def card() -> Path:
    """The built card image; the test is skipped where none has been built."""
    place = Path(os.environ.get("STRATUM1_PI_IMAGE") or TOP / "build/image/output-rpi64/images/sdcard.img")
    if not place.exists():
        pytest.skip("no card here: `make image` builds one, or name it in STRATUM1_PI_IMAGE")
    return place


def start_of(card: Path, number: int) -> int:
    """Where a primary partition begins, bytes (MBR)."""
    with card.open("rb") as file:
        entry = file.read(SECTOR)[446 + 16 * (number - 1) :][:16]
    return int.from_bytes(entry[8:12], "little") * SECTOR


class PiBoard(Box):
    def __init__(self, folder: Path) -> None:
        need("qemu-system-aarch64", "mcopy", "fdtoverlay", "fdtput", "ssh", "ssh-keygen")
        super().__init__(folder, card())
        text = self.take(1, "autoboot.txt").read_text()
        chosen = re.search(r"\[all\][^\[]*?^boot_partition=(\d)", text, re.MULTILINE)
        assert chosen, text
        self.slot = int(chosen[1])
        self.config = self.take(self.slot, "config.txt").read_text()
        kernel = re.search(r"^kernel=(\S+)", self.config, re.MULTILINE)
        assert kernel, "config.txt names no kernel"
        self.kernel = self.take(self.slot, kernel[1])
        self.line = self.take(self.slot, "cmdline.txt").read_text().strip()
        self.tree = self._tree()

    def take(self, partition: int, name: str) -> Path:
        """A file of the card, copied out."""
        path = self.folder / Path(name).name
        result = run("mcopy", "-n", "-o", "-i", f"{self.card}@@{start_of(self.card, partition)}", f"::{name}", path)
        assert result.returncode == 0, result.stderr
        return path

    def _tree(self) -> Path:
        for name in TREES:
            try:
                tree = self.take(self.slot, name)
                break
            except AssertionError:
                continue
        else:
            raise AssertionError(f"the card has none of {', '.join(TREES)}")
        assert "\ndtoverlay=stratum1\n" in self.config
        overlay = self.take(self.slot, "overlays/stratum1.dtbo")
        out = self.folder / "board.dtb"
        for command in (
            ("fdtoverlay", "-i", tree, "-o", out, overlay),
            ("fdtput", "-c", out, "/system"),
            ("fdtput", "-t", "x", out, "/system", "linux,revision", REVISION),
        ):
            result = run(*command)
            assert result.returncode == 0, result.stderr
        run("fdtput", "-r", out, BLUETOOTH)  # not there in Raspberry Pi's own tree until an overlay adds it
        return out

    def command(self, forward: str) -> list[str]:
        # The receiver has the first serial port, as on the board; the console, which the card puts on the screen,
        # goes to the second, whatever the kernel calls it. The last two calm the USB driver of Raspberry Pi's kernel.
        kept = [
            word for word in self.line.split() if word != "quiet" and not word.startswith(("console=", "loglevel="))
        ]
        line = " ".join(
            [*kept, NO_WATCHDOG, "console=ttyS0,115200", "console=ttyS1,115200", "dwc_otg.fiq_fsm_enable=0"]
        )
        command = ["qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-monitor", "none"]
        command += ["-serial", "null", "-serial", f"file:{self.console}"]
        command += ["-kernel", str(self.kernel), "-dtb", str(self.tree), "-append", line]
        command += ["-drive", f"file={self.card},format=raw,if=sd"]
        # A worldwide address: a local one would be called usb0.
        command += [
            "-netdev",
            f"user,id=net,hostname=pc,{forward}",
            "-device",
            "usb-net,netdev=net,mac=00:11:22:33:44:55",
        ]
        return command


def main(arguments: list[str]) -> int:
    if arguments:
        os.environ["STRATUM1_PI_IMAGE"] = arguments[0]
    try:
        found = card()
    except BaseException as error:  # pytest's skip is no Exception
        print(f"pi-boot: {error}", file=sys.stderr)
        return 2
    print(f"pi-boot: {found} on QEMU's Raspberry Pi 3 B; a few minutes")
    with tempfile.TemporaryDirectory(prefix="pi-boot.") as folder:
        board = PiBoard(Path(folder))
        begun = time.monotonic()
        board.start()
        try:
            status: dict[str, Any] = wait_for("the page", board.status, 600)
            took = time.monotonic() - begun
            print(f"pi-boot: the page answers after {took:.0f} s: {status['state']}: {status['reason']}")
            for command in (
                "uname -rm",
                "tr -d '\\0' < /proc/device-tree/model; echo",
                "cat /run/boot-chart",
                "stratum1 status",
            ):
                print(board.shell(command) or "")
            return 0
        except (AssertionError, KeyboardInterrupt) as error:
            print(f"pi-boot: {error or 'ended'}; the console said last:\n{board.said()[-3000:]}", file=sys.stderr)
            return 1
        finally:
            board.pull_the_plug()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
