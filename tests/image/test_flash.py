# SPDX-License-Identifier: MIT
"""Writing a card: what is refused, what is asked, what is verified. The machine is a folder, the card a file."""

from __future__ import annotations

import lzma
import os
import subprocess
from pathlib import Path

import pytest
from image_tree import SCRIPTS

IMAGE = os.urandom(300_000)
CARD_SECTORS = 2048


class Machine:
    """A /dev, /proc and /sys with one card sdx in a reader, made wrong in one way by each test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.card = root / "dev" / "sdx"
        self.sys = root / "sys" / "class" / "block" / "sdx"
        for path, text in {
            root / "proc/mounts": "/dev/sda1 / ext4 rw 0 0\n",
            root / "proc/swaps": "Filename Type Size Used Priority\n",
            self.sys / "size": f"{CARD_SECTORS}\n",
            self.sys / "ro": "0\n",
            self.sys / "removable": "1\n",
            self.sys / "device/model": "SD Card Reader\n",
            self.sys / "sdx1/partition": "1\n",
        }.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.sys / "sdx1/holders").mkdir()
        self.card.parent.mkdir()
        self.card.write_bytes(bytes(CARD_SECTORS * 512))
        self.image = root / "stratum1.img"
        self.image.write_bytes(IMAGE)

    def flash(self, *words: str, answer: str = "yes\n", device: str = "/dev/sdx") -> subprocess.CompletedProcess[str]:
        command = [str(SCRIPTS / "flash.sh"), "--root", str(self.root), *(words or [str(self.image)]), device]
        return subprocess.run(command, input=answer, capture_output=True, text=True, check=False)

    @property
    def written(self) -> bool:
        return self.card.read_bytes() != bytes(CARD_SECTORS * 512)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_writes_and_verifies(machine: Machine) -> None:
    result = machine.flash()
    assert result.returncode == 0, result.stderr
    assert machine.card.read_bytes()[: len(IMAGE)] == IMAGE
    assert "SD Card Reader" in result.stdout
    assert "good" in result.stdout


def test_writes_a_compressed_image(machine: Machine) -> None:
    packed = machine.root / "stratum1.img.xz"
    packed.write_bytes(lzma.compress(IMAGE))
    assert machine.flash(str(packed)).returncode == 0
    assert machine.card.read_bytes()[: len(IMAGE)] == IMAGE


@pytest.mark.parametrize("answer", ["no\n", "y\n", "", "YES\n"])
def test_anything_but_yes_writes_nothing(machine: Machine, answer: str) -> None:
    assert machine.flash(answer=answer).returncode == 1
    assert not machine.written


def refused(machine: Machine, why: str, **more: str) -> None:
    result = machine.flash(**more)  # type: ignore[arg-type]
    assert result.returncode == 1
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
    assert not machine.written


def test_refuses_a_disk_that_is_mounted(machine: Machine) -> None:
    (machine.root / "proc/mounts").write_text("/dev/sdx1 /media/card vfat rw 0 0\n")
    refused(machine, "/dev/sdx1 is mounted")


def test_refuses_swap_space(machine: Machine) -> None:
    (machine.root / "proc/swaps").write_text("/dev/sdx1 partition 1 0 -2\n")
    refused(machine, "swap")


def test_refuses_a_disk_that_holds_a_volume(machine: Machine) -> None:
    (machine.sys / "sdx1/holders/dm-0").touch()
    refused(machine, "in use")


def test_refuses_a_built_in_disk(machine: Machine) -> None:
    (machine.sys / "removable").write_text("0\n")
    refused(machine, "not a removable card")


def test_takes_a_card_in_a_built_in_slot(machine: Machine) -> None:
    (machine.sys / "removable").write_text("0\n")
    (machine.sys / "device/type").write_text("SD\n")
    assert machine.flash().returncode == 0


def test_refuses_a_partition(machine: Machine) -> None:
    (machine.sys / "partition").write_text("1\n")
    refused(machine, "whole disk")


def test_refuses_a_card_that_is_too_small(machine: Machine) -> None:
    (machine.sys / "size").write_text("500\n")
    refused(machine, "the image wants")


def test_refuses_a_write_protected_card(machine: Machine) -> None:
    (machine.sys / "ro").write_text("1\n")
    refused(machine, "write-protected")


def test_refuses_what_is_no_disk(machine: Machine) -> None:
    (machine.root / "dev/null").write_text("")
    refused(machine, "not a disk", device="/dev/null")


def test_refuses_what_is_not_there(machine: Machine) -> None:
    refused(machine, "no such device", device="/dev/sdy")


def test_asks_which_card_when_none_is_named(machine: Machine) -> None:
    refused(machine, "DEVICE=/dev/sdX", device="")


def test_notices_a_card_that_lies(machine: Machine, tmp_path: Path) -> None:
    # A card that forgets: dd is told to write somewhere else, the card keeps its zeros.
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dd").write_text("#!/bin/sh\ncat > /dev/null\n")
    (tools / "dd").chmod(0o755)
    result = subprocess.run(
        [str(SCRIPTS / "flash.sh"), "--yes", "--root", str(machine.root), str(machine.image), "/dev/sdx"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
    )
    assert result.returncode == 1
    assert "not what was written" in result.stderr


def test_a_real_file_is_no_card(machine: Machine) -> None:
    result = subprocess.run(
        [str(SCRIPTS / "flash.sh"), "--yes", str(machine.image), str(machine.card)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "not a disk" in result.stderr
    assert not machine.written
