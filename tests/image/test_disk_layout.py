# SPDX-License-Identifier: MIT
"""The real genimage lays out a disk; what lies on it is read back byte by byte."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from image_tree import BOARD, ROOTFS, need, run

MIB = 1 << 20
SECTOR = 512
ROOT_PATTERN = b"hsqs" + bytes(range(256)) * 8


@dataclass(frozen=True)
class Partition:
    number: int
    active: bool
    kind: int
    start: int
    """Bytes from the start of the disk."""
    size: int


def partitions(disk: Path) -> list[Partition]:
    """Primary and logical partitions of a master boot record, as Linux numbers them."""
    found = []
    with disk.open("rb") as file:

        def table(sector: int) -> list[tuple[bool, int, int, int]]:
            file.seek(sector * SECTOR + 446)
            rows = [struct.unpack("<B3sB3sII", file.read(16)) for _ in range(4)]
            assert file.read(2) == b"\x55\xaa"
            return [(row[0] == 0x80, row[2], row[4], row[5]) for row in rows]

        for number, (active, kind, start, size) in enumerate(table(0), 1):
            if kind:
                found.append(Partition(number, active, kind, start * SECTOR, size * SECTOR))
        extended = next(part for part in found if part.kind in (0x05, 0x0F))
        sector, number = extended.start // SECTOR, 5
        while True:
            first, second = table(sector)[:2]
            found.append(Partition(number, first[0], first[1], (sector + first[2]) * SECTOR, first[3] * SECTOR))
            if not second[1]:
                return found
            sector, number = extended.start // SECTOR + second[2], number + 1


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("genimage", "mcopy", "mkdosfs", "mke2fs")
    binaries = tmp_path_factory.mktemp("binaries")
    (binaries / "autoboot.txt").write_text("[all]\n")
    (binaries / "boot").mkdir()
    (binaries / "boot" / "Image").write_bytes(b"kernel" * 1000)
    (binaries / "boot" / "config.txt").write_text("kernel=Image\n")
    (binaries / "rootfs.squashfs").write_bytes(ROOT_PATTERN)
    result = run(
        BOARD / "common" / "make-disk.sh",
        "sdcard.img",
        "autoboot.txt",
        "boot/Image boot/config.txt",
        BINARIES_DIR=str(binaries),
    )
    assert result.returncode == 0, result.stderr
    return binaries / "sdcard.img"


def number_of(name: str) -> int:
    text = (ROOTFS / "usr" / "libexec" / "stratum1" / "disk").read_text(encoding="utf-8")
    return int(re.search(rf"^{name}=(\d)$", text, re.MULTILINE)[1])  # type: ignore[index]


def test_start_scripts_and_disk_agree_on_the_numbers(disk: Path) -> None:
    kinds = {part.number: part.kind for part in partitions(disk)}
    assert kinds == {1: 0x0C, 2: 0x0C, 3: 0x0C, 4: 0x0F, 5: 0x83, 6: 0x83, 7: 0x83}
    assert (number_of("SETUP"), number_of("EXTENDED"), number_of("DATA")) == (1, 4, 7)


def test_both_slots_have_the_same_room(disk: Path) -> None:
    size = {part.number: part.size for part in partitions(disk)}
    assert size[2] == size[3] == 64 * MIB
    assert size[5] == size[6] == 128 * MIB


def test_partitions_are_aligned_in_order_and_the_data_is_last(disk: Path) -> None:
    found = partitions(disk)
    assert all(part.start % MIB == 0 for part in found)
    plain = [part for part in found if part.number != 4]
    for before, after in pairwise(plain):
        assert before.start + before.size <= after.start
    extended = next(part for part in found if part.number == 4)
    assert extended.start + extended.size == plain[-1].start + plain[-1].size <= disk.stat().st_size


def test_only_the_setup_partition_starts(disk: Path) -> None:
    assert [part.number for part in partitions(disk) if part.active] == [1]


def test_kernel_command_line_names_the_root_of_slot_a(disk: Path) -> None:
    signature = struct.unpack("<I", disk.read_bytes()[440:444])[0]
    words = (BOARD / "raspberrypi" / "cmdline.txt").read_text(encoding="utf-8").split()
    assert f"root=PARTUUID={signature:08x}-05" in words
    root = next(part for part in partitions(disk) if part.number == 5)
    with disk.open("rb") as file:
        file.seek(root.start)
        assert file.read(len(ROOT_PATTERN)) == ROOT_PATTERN


def test_files_are_where_the_firmware_looks(disk: Path) -> None:
    starts = {part.number: part.start for part in partitions(disk)}
    listing = {n: run("mdir", "-b", "-i", f"{disk}@@{starts[n]}", "::").stdout.split() for n in (1, 2, 3)}
    assert listing == {1: ["::/autoboot.txt"], 2: ["::/Image", "::/config.txt"], 3: ["::/EMPTY.txt"]}


def test_autoboot_tries_the_other_slot_on_request_only() -> None:
    text = (BOARD / "raspberrypi" / "autoboot.txt").read_text(encoding="utf-8")
    assert len(text) <= 512
    sections = dict(re.findall(r"\[(\w+)\]\n((?:[^\[].*\n)+)", text))
    assert "boot_partition=2" in sections["all"].split()
    assert "tryboot_a_b=1" in sections["all"].split()
    assert sections["tryboot"].split() == ["boot_partition=3"]


def test_image_fits_on_the_smallest_card_that_is_sold(disk: Path) -> None:
    assert disk.stat().st_size < 1_000_000_000


def test_data_partition_is_an_ext4_with_a_journal(disk: Path) -> None:
    data = next(part for part in partitions(disk) if part.number == 7)
    with disk.open("rb") as file:
        file.seek(data.start + 1024)
        block = file.read(1024)
    assert struct.unpack("<H", block[56:58])[0] == 0xEF53
    assert struct.unpack("<I", block[92:96])[0] & 0x4, "no journal"
    # Blocks of 4 KiB, although it starts small: it grows to a whole card.
    assert 1024 << struct.unpack("<I", block[24:28])[0] == 4096
    assert block[120:136].rstrip(b"\0") == b"stratum1-data"
