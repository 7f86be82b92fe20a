# SPDX-License-Identifier: MIT
"""The check that stops a build when Kconfig dropped what the image needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_tree import BOARD, SCRIPTS, options, run

FRAGMENTS = sorted(BOARD.glob("*/linux.fragment"))


def check(tmp_path: Path, config: str, *fragments: str) -> tuple[int, str]:
    (tmp_path / ".config").write_text(config)
    names = []
    for number, text in enumerate(fragments):
        names.append(tmp_path / f"{number}.fragment")
        names[-1].write_text(text)
    result = run(SCRIPTS / "image-kernel-config.py", tmp_path / ".config", *names)
    return result.returncode, result.stderr


def test_what_survived_passes(tmp_path: Path) -> None:
    config = 'CONFIG_PPS=y\nCONFIG_BRCMFMAC=m\nCONFIG_NAME="x y"\n# CONFIG_SOUND is not set\n'
    assert check(tmp_path, config, config)[0] == 0


def test_a_symbol_that_kconfig_hides_counts_as_not_set(tmp_path: Path) -> None:
    assert check(tmp_path, "", "# CONFIG_CPU_IDLE is not set\n")[0] == 0


@pytest.mark.parametrize(
    ("config", "fragment", "said"),
    [
        ("", "CONFIG_PPS=y\n", "CONFIG_PPS is n, want y"),
        ("CONFIG_PPS=m\n", "CONFIG_PPS=y\n", "CONFIG_PPS is m, want y"),
        ("CONFIG_CPU_IDLE=y\n", "# CONFIG_CPU_IDLE is not set\n", "CONFIG_CPU_IDLE is y, want n"),
        ("CONFIG_PANIC_TIMEOUT=0\n", "CONFIG_PANIC_TIMEOUT=5\n", "CONFIG_PANIC_TIMEOUT is 0, want 5"),
    ],
)
def test_what_was_lost_is_named(tmp_path: Path, config: str, fragment: str, said: str) -> None:
    status, words = check(tmp_path, config, fragment)
    assert status == 1
    assert said in words


def test_a_later_fragment_wins(tmp_path: Path) -> None:
    assert check(tmp_path, "CONFIG_A=m\n", "CONFIG_A=y\n", "CONFIG_A=m\n")[0] == 0


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    result = run(SCRIPTS / "image-kernel-config.py", tmp_path / "nothing", tmp_path / "nothing")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "nothing" in result.stderr


def test_fragments_promise_what_time_needs() -> None:
    wanted = options(*FRAGMENTS)
    for symbol in ("PPS", "PPS_CLIENT_GPIO", "WATCHDOG", "I2C_CHARDEV", "IPV6", "HZ_PERIODIC", "BCM2835_WDT"):
        assert wanted[f"CONFIG_{symbol}"] == "y", symbol
    assert wanted["CONFIG_CPU_FREQ_DEFAULT_GOV_PERFORMANCE"] == "y"
    assert wanted["CONFIG_ARM64_4K_PAGES"] == "y"
    # Nobody sets the clock from a battery-backed one behind the discipline's back.
    assert wanted["CONFIG_RTC_HCTOSYS"] == "n"


def test_what_the_start_needs_is_built_in() -> None:
    wanted = options(*FRAGMENTS)
    for symbol in ("SQUASHFS", "SQUASHFS_ZSTD", "EXT4_FS", "VFAT_FS", "NLS_CODEPAGE_437", "DEVTMPFS_MOUNT"):
        assert wanted[f"CONFIG_{symbol}"] == "y", f"{symbol} is needed before any module can be loaded"
