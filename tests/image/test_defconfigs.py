# SPDX-License-Identifier: MIT
"""The defconfigs are what their snippets say, Buildroot keeps every line, and nothing of a developer ships."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from image_tree import BOARD, EXTERNAL, SCRIPTS, SNIPPETS, TOP, buildroot, options, run

from stratum1.netconfig.plan import Link
from stratum1.netconfig.steps import Start, up

BOARDS = ("rpi64", "qemu")
DEFCONFIGS = [f"stratum1_{board}{dev}_defconfig" for board in BOARDS for dev in ("", "_dev")]


def defconfig(name: str) -> Path:
    return EXTERNAL / "configs" / name


def test_defconfigs_are_what_their_snippets_give() -> None:
    result = run(SCRIPTS / "image-defconfigs.sh", "--check")
    assert result.returncode == 0, result.stderr


def test_a_defconfig_edited_by_hand_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(EXTERNAL / "configs", tmp_path / "buildroot-external" / "configs")
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    with (tmp_path / "buildroot-external" / "configs" / DEFCONFIGS[0]).open("a") as file:
        file.write("BR2_PACKAGE_NANO=y\n")
    result = run(tmp_path / "scripts" / "image-defconfigs.sh", "--check")
    assert result.returncode == 1
    assert DEFCONFIGS[0] in result.stderr


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_of_a_developer_ships(board: str) -> None:
    dev = options(SNIPPETS / "dev.config")
    shipped = options(defconfig(f"stratum1_{board}_defconfig"))
    assert not {name for name, value in dev.items() if shipped.get(name) == value}


def test_both_boards_have_the_same_user_space() -> None:
    pi, qemu = (options(defconfig(f"stratum1_{board}_defconfig")) for board in BOARDS)
    hardware = re.compile(r"BR2_(LINUX_|ROOTFS_POST_|PACKAGE_(HOST_|RPI_|BRCMFMAC|WPA_|IW$|WIRELESS))")
    only = {name for name in pi.items() ^ qemu.items() if not hardware.match(name[0])}
    assert only == set()


def test_every_file_that_a_defconfig_names_is_there() -> None:
    for name in DEFCONFIGS:
        for value in options(defconfig(name)).values():
            for path in re.findall(r"\$\(BR2_EXTERNAL_STRATUM1_PATH\)/(\S+?)[\"\s]", value + " "):
                if path != "../build/dl":
                    assert (EXTERNAL / path).exists(), f"{name}: {path}"


def test_nobody_can_log_in_and_the_root_is_read_only() -> None:
    for name in DEFCONFIGS:
        chosen = options(defconfig(name))
        assert chosen["BR2_TARGET_ENABLE_ROOT_LOGIN"] == "n"
        assert chosen["BR2_TARGET_GENERIC_GETTY"] == "n"
        assert chosen["BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW"] == "n"


def test_kernel_source_has_a_pinned_hash() -> None:
    locations = {options(defconfig(name))["BR2_LINUX_KERNEL_CUSTOM_TARBALL_LOCATION"] for name in DEFCONFIGS}
    assert len(locations) == 1, "one kernel for every board"
    (location,) = locations
    pinned = (EXTERNAL / "patches" / "linux" / "linux.hash").read_text(encoding="utf-8")
    assert location.strip('"').rsplit("/", 1)[1] in pinned


def test_kernel_and_firmware_are_the_pair_that_buildroot_names() -> None:
    theirs = buildroot() / "configs" / "raspberrypi5_defconfig"
    ours = options(defconfig("stratum1_rpi64_defconfig"))
    symbol = "BR2_LINUX_KERNEL_CUSTOM_TARBALL_LOCATION"
    assert ours[symbol] == options(theirs)[symbol]
    hash_file = (buildroot() / "board/raspberrypi/patches/linux/linux.hash").read_text(encoding="utf-8")
    ours_hash = (EXTERNAL / "patches" / "linux" / "linux.hash").read_text(encoding="utf-8")
    assert [line for line in ours_hash.splitlines() if not line.startswith("#")] == [
        line for line in hash_file.splitlines() if not line.startswith("#")
    ]


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_buildroot_keeps_every_line(name: str, tmp_path: Path) -> None:
    result = run("make", "-C", buildroot(), f"O={tmp_path}", f"BR2_EXTERNAL={EXTERNAL}", name)
    assert result.returncode == 0, result.stdout + result.stderr
    asked, kept = options(defconfig(name)), options(tmp_path / ".config")
    lost = {symbol: value for symbol, value in asked.items() if kept.get(symbol, "n") != value}
    assert lost == {}


def test_busybox_has_no_servers_and_no_second_clock() -> None:
    fragment = options(BOARD / "common" / "busybox.fragment")
    for applet in ("NTPD", "TELNETD", "HTTPD", "INETD", "WATCHDOG"):
        assert fragment[f"CONFIG_{applet}"] == "n"


def test_the_programs_that_set_the_network_up_are_there_with_what_they_are_asked() -> None:
    product = options(defconfig("stratum1_rpi64_defconfig"))
    for symbol in ("WPA_SUPPLICANT", "WPA_SUPPLICANT_WPA3", "IW", "WIRELESS_REGDB", "BRCMFMAC_SDIO_FIRMWARE_RPI_WIFI"):
        assert product[f"BR2_PACKAGE_{symbol}"] == "y"
    wifi = Link("wlan0", wifi="network={}")
    started = {step.argv[0]: step.argv for step in up(wifi, "clock", Path("/x"), Path("/y")) if isinstance(step, Start)}
    if "-s" in started["wpa_supplicant"]:
        assert product["BR2_PACKAGE_WPA_SUPPLICANT_DEBUG_SYSLOG"] == "y", "else it refuses -s"
    # udhcpc is part of Buildroot's BusyBox configuration.
    assert set(started) == {"wpa_supplicant", "zcip", "udhcpc"}
    assert options(BOARD / "common" / "busybox.fragment")["CONFIG_ZCIP"] == "y"
    assert options(BOARD / "common" / "linux.fragment")["CONFIG_VLAN_8021Q"] == "y"


def test_make_targets_are_described() -> None:
    text = (TOP / "Makefile").read_text(encoding="utf-8")
    for target in ("image", "flash", "bundle", "pi-boot", "menuconfig"):
        assert re.search(rf"^{target}.*: ## \w", text, re.MULTILINE)
    assert (TOP / "docs" / "building.md").exists()
