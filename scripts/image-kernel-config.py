#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fail when a line of a kernel fragment did not survive Kconfig.

image-kernel-config.py .config FRAGMENT...
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINE = re.compile(r"(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)")


def symbols(path: Path) -> dict[str, str]:
    """Value of each symbol that the file names; "n" for one that is not set."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := LINE.fullmatch(line.strip()):
            found[match[1] or match[3]] = match[2] if match[1] else "n"
    return found


def lost(config: dict[str, str], fragment: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Symbols whose value is not the one asked for: (asked, is). A symbol that Kconfig hides counts as "n"."""
    return {name: (asked, config.get(name, "n")) for name, asked in fragment.items() if config.get(name, "n") != asked}


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print("usage: image-kernel-config.py .config FRAGMENT...", file=sys.stderr)
        return 2
    try:
        config = symbols(Path(arguments[0]))
        merged: dict[str, str] = {}
        for name in arguments[1:]:
            merged |= symbols(Path(name))
    except OSError as error:
        print(f"image-kernel-config.py: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    problems = lost(config, merged)
    for name, (asked, got) in sorted(problems.items()):
        print(f"{arguments[0]}: {name} is {got}, want {asked}", file=sys.stderr)
    if not problems:
        print(f"{len(merged)} fragment symbols survived Kconfig")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
