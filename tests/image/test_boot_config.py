# SPDX-License-Identifier: MIT
"""config.txt and cmdline.txt: the receiver's UART is free on every board, and each line says why it is there."""

from __future__ import annotations

import pytest
from image_tree import BOARD, boot_config, options

CONFIG = BOARD / "raspberrypi" / "config.txt"


@pytest.mark.parametrize("board", ["pi3", "pi02", "pi4"])
def test_good_uart_is_on_the_header(board: str) -> None:
    lines = {line for section, line in boot_config() if section == board}
    assert {"enable_uart=1", "dtoverlay=disable-bt"} <= lines


def test_pi5_has_its_header_uart() -> None:
    assert ("pi5", "dtparam=uart0=on") in boot_config()


@pytest.mark.parametrize("board", ["cm4", "cm5"])
def test_compute_modules_have_usb(board: str) -> None:
    assert any(section == board for section, _ in boot_config())


def test_file_ends_in_the_section_for_all() -> None:
    # What a user adds at the end is meant for the board at hand, whichever it is.
    sections = [line for line in CONFIG.read_text(encoding="utf-8").splitlines() if line.startswith("[")]
    assert sections[-1] == "[all]"


def test_each_block_says_why() -> None:
    blocks = CONFIG.read_text(encoding="utf-8").strip().split("\n\n")
    bare = {"[pi02]", "[pi4]", "[all]"}
    for before, block in zip(["", *blocks], blocks, strict=False):
        lines = block.splitlines()
        explained = lines[0].startswith("#") or lines[0] in bare or before.splitlines()[-1].startswith("#")
        assert explained, f"no reason given for {block!r}"


def test_no_console_on_a_serial_port() -> None:
    words = (BOARD / "raspberrypi" / "cmdline.txt").read_text(encoding="utf-8").split()
    consoles = [word for word in words if word.startswith("console=")]
    assert consoles == ["console=tty1"]
    assert not any("ttyAMA" in word or "serial" in word or "ttyS" in word for word in words)


def test_command_line_is_one_line() -> None:
    # The firmware reads the first line only.
    assert (BOARD / "raspberrypi" / "cmdline.txt").read_text(encoding="utf-8").count("\n") == 1


def test_root_is_mounted_read_only() -> None:
    words = (BOARD / "raspberrypi" / "cmdline.txt").read_text(encoding="utf-8").split()
    assert {"ro", "rootwait", "rootfstype=squashfs"} <= set(words)


def test_every_board_of_the_configuration_has_its_tree_and_its_firmware() -> None:
    chosen = options(BOARD.parent / "buildroot-external" / "configs" / "stratum1_rpi64_defconfig")
    trees = chosen["BR2_LINUX_KERNEL_INTREE_DTS_NAME"]
    for tree in ("rpi-3-b ", "rpi-3-b-plus", "zero-2-w", "rpi-4-b", "rpi-400", "rpi-cm4 ", "rpi-5-b", "cm5-cm5io"):
        assert tree in trees.replace('"', " ")
    assert chosen["BR2_PACKAGE_RPI_FIRMWARE_BOOTCODE_BIN"] == "y", "a Pi 3 starts from it"
    # gpu_mem=16 makes the firmware ask for its cut-down variant.
    assert ("all", "gpu_mem=16") in boot_config()
    assert chosen["BR2_PACKAGE_RPI_FIRMWARE_VARIANT_PI_CD"] == chosen["BR2_PACKAGE_RPI_FIRMWARE_VARIANT_PI4_CD"] == "y"
