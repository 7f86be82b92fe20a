# SPDX-License-Identifier: MIT
"""The built card for the Raspberry Pi: what its boot slot holds, and that QEMU's Pi 3 B starts from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_tree import need, options, run
from pi_board import PiBoard, card, start_of
from virtual_box import wait_for

pytestmark = pytest.mark.timeout(1200)
START_S = 900
SLOT_A = 2


def listing(partition: int) -> set[str]:
    need("mdir")
    found = run("mdir", "-/", "-b", "-i", f"{card()}@@{start_of(card(), partition)}", "::")
    assert found.returncode == 0, found.stderr
    return {line.removeprefix("::/").lower() for line in found.stdout.splitlines()}


def read(partition: int, name: str) -> bytes:
    need("mtype")
    import subprocess

    image = f"{card()}@@{start_of(card(), partition)}"
    return subprocess.run(["mtype", "-i", image, f"::{name}"], capture_output=True, check=True).stdout


def test_boot_slot_holds_what_each_board_wants() -> None:
    there = listing(SLOT_A)
    assert {"config.txt", "cmdline.txt", "image", "overlays/stratum1.dtbo"} <= there
    assert {"start_cd.elf", "fixup_cd.dat", "start4cd.elf", "fixup4cd.dat"} <= there
    trees = {name for name in there if name.endswith(".dtb")}
    for board in ("rpi-3-b", "rpi-3-b-plus", "rpi-zero-2-w", "rpi-4-b", "rpi-400", "rpi-cm4", "rpi-5-b"):
        assert [name for name in trees if board in name], f"no tree for {board} among {sorted(trees)}"


def test_setup_partition_names_the_slot_and_starts_a_pi_3() -> None:
    assert {"autoboot.txt", "bootcode.bin", "readme.txt"} <= listing(1)
    assert re.search(rb"\[all\][^\[]*^boot_partition=2", read(1, "autoboot.txt"), re.MULTILINE)


def test_kernel_is_for_64_bits_with_pages_of_4_kib() -> None:
    head = read(SLOT_A, "Image")[:64]
    assert head[56:60] == b"ARM\x64"
    # Flags of the arm64 boot protocol (Documentation/arch/arm64/booting.rst): bits 1 and 2, 1 = 4 KiB.
    assert int.from_bytes(head[24:32], "little") >> 1 & 0b11 == 1


def test_kernel_is_what_the_fragments_ask_for() -> None:
    config = card().parents[1] / "build" / "linux-custom" / ".config"
    if not config.exists():
        pytest.skip("the kernel's build folder is not beside the card")
    from image_tree import BOARD

    wanted = options(BOARD / "common/linux.fragment", BOARD / "raspberrypi/linux.fragment")
    got = options(config)
    assert {name: got.get(name, "n") for name in wanted} == wanted


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PiBoard]:
    board = PiBoard(tmp_path_factory.mktemp("pi"))
    board.start()
    yield board
    board.pull_the_plug()


def test_pi_3_starts_and_says_that_there_is_no_pulse(board: PiBoard) -> None:
    status = wait_for("the page", board.status, START_S)
    assert status["state"] == "ACQUIRING", status
    # The serial port is there and silent, which is told before what comes after it: the pulse.

    def silent() -> bool | None:
        now = board.status()
        return True if now is not None and now["reason"] in ("NO_MESSAGES", "NO_RECEIVER") else None

    wait_for("gpsd and its silent port", silent, START_S)
    said = wait_for("the shell", lambda: board.shell("stratum1 status"), START_S)
    assert re.search(r"^Pulse +GPIO\d+ \(pps\d\), GPIO\d+ \(pps\d\): never seen$", said, re.MULTILINE), said
    assert not status["serves"]


def test_pi_3_answers_that_it_does_not_know_the_time(board: PiBoard) -> None:
    answer = wait_for("an answer", board.ask, START_S)
    assert (answer[0] >> 6, answer[1]) == (3, 0)  # leap indicator "unsynchronised", stratum 0 (RFC 5905 section 7.3)


def test_pi_3_has_the_pulse_lines_of_the_overlay(board: PiBoard) -> None:
    names = wait_for("the shell", lambda: board.shell("cat /sys/class/pps/pps*/name"), START_S)
    assert sorted(name.split(".")[0] for name in names.split()) == ["pps@12", "pps@4"]


def test_pi_3_runs_from_slot_a_of_its_card(board: PiBoard) -> None:
    said = wait_for("the shell", lambda: board.shell("stratum1 update status"), START_S)
    assert re.match(r"slot A runs[,;] A starts", said)


def test_pi_3_is_told_apart_by_its_tree(board: PiBoard) -> None:
    assert "Raspberry Pi 3" in wait_for("the shell", lambda: board.shell("cat /proc/device-tree/model"), START_S)


def test_card_is_not_bigger_than_the_smallest_that_is_sold() -> None:
    assert Path(card()).stat().st_size < 1_000_000_000
