# SPDX-License-Identifier: MIT
"""Where the parts of the image lie, and how to read their small languages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
EXTERNAL = TOP / "buildroot-external"
PACKAGES = EXTERNAL / "package"
SNIPPETS = EXTERNAL / "configs" / "snippets"
BOARD = TOP / "board"
ROOTFS = TOP / "overlays" / "rootfs"
OVERLAY = TOP / "overlays" / "devicetree" / "stratum1.dts"
SCRIPTS = TOP / "scripts"


def buildroot() -> Path:
    """A checkout of the pinned Buildroot; the test is skipped where there is none."""
    place = Path(os.environ.get("BUILDROOT_DIR") or TOP / "build" / "buildroot")
    if not (place / "Makefile").exists():
        pytest.skip("no Buildroot here: name one in BUILDROOT_DIR, or let `make image` clone it")
    return place


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            pytest.skip(f"the program {tool} is not installed")


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", **more}
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment, check=False)


def options(*files: Path) -> dict[str, str]:
    """Kconfig lines of all `files`: value by symbol, "n" for one that is not set; a later file wins."""
    found: dict[str, str] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.fullmatch(r"(\w+)=(.*)", line):
                found[match[1]] = match[2]
            elif match := re.fullmatch(r"# (\w+) is not set", line):
                found[match[1]] = "n"
    return found


def boot_config() -> list[tuple[str, str]]:
    """config.txt as (section, line), comments left out."""
    section, lines = "all", []
    for line in (BOARD / "raspberrypi" / "config.txt").read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            lines.append((section, line))
    return lines
