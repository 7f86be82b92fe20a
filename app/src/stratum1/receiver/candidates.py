# SPDX-License-Identifier: MIT
"""Which serial devices a GPS receiver may be at, likeliest first, without touching any of them."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

# A udev name; the header's UART on a Pi 3, 4, 5 and Zero 2 W; what the firmware calls the first one; further PL011s
# (on a Pi 5 ttyAMA10 is the debug plug); the mini UART, which has the header while Bluetooth has the PL011; USB.
PATTERNS = ("gps[0-9]*", "ttyAMA0", "serial0", "ttyAMA*", "ttyS[0-3]", "ttyACM*", "ttyUSB*")
_BEGINNINGS = ("gps", "serial0", "ttyA", "ttyS", "ttyU")
_MOST = 8

_NO_UART = "0"
"""PORT_UNKNOWN: a ttyS that the kernel has a number for and no hardware."""


def candidates(root: Path) -> list[Path]:
    """The devices themselves and no links to them, at most eight; `root` is put in front of /dev, /proc and /sys."""
    dev = root / "dev"
    try:
        # Asked once a second, in a folder of hundreds.
        names = [name for name in os.listdir(dev) if name.startswith(_BEGINNINGS)]
    except OSError:
        return []
    consoles = _consoles(root)
    found: list[Path] = []
    for pattern in PATTERNS:
        for name in sorted(fnmatch.filter(names, pattern), key=_by_number):
            try:
                device = (dev / name).resolve(strict=True)
            except (OSError, RuntimeError):
                continue
            if device not in found and device.name not in consoles and _is_there(root, device.name):
                found.append(device)
    return found[:_MOST]


def on_usb(device: Path) -> bool:
    return device.name.startswith(("ttyACM", "ttyUSB"))


def _consoles(root: Path) -> set[str]:
    """Where the kernel talks and a person may log in: asking there for satellites would be rude."""
    try:
        lines = (root / "proc" / "consoles").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return {line.split()[0] for line in lines if line.strip()}


def _is_there(root: Path, name: str) -> bool:
    if not name.startswith("ttyS"):
        return True
    try:
        return (root / "sys" / "class" / "tty" / name / "type").read_text(encoding="ascii").strip() != _NO_UART
    except OSError:
        return True


def _by_number(name: str) -> tuple[int, str]:
    digits = "".join(c for c in name if c.isdigit())
    return int(digits[:6] or 0), name
