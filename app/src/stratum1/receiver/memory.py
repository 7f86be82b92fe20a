# SPDX-License-Identifier: MIT
"""Where receivers were found the last time, as a small file of JSON; what it says is tried first and believed never."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 4096
_FORMAT = 1
_MOST = 8


@dataclass(frozen=True, slots=True)
class Found:
    device: str
    baud: int
    name: str = ""
    """As a person would name it; empty when it takes no orders."""


@dataclass(frozen=True, slots=True)
class Memory:
    found: tuple[Found, ...] = ()
    """The best first."""
    silent: tuple[str, ...] = field(default=())
    """Devices at which nothing was understood at any speed."""

    def text(self) -> str:
        return json.dumps({"format": _FORMAT, **asdict(self)})


def load(path: Path) -> Memory:
    """What is remembered; nothing, when the file is missing or not to be understood."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(MOST_BYTES))
    except OSError:
        return Memory()


def parse(text: bytes) -> Memory:
    try:
        content = json.loads(text)
        if content["format"] != _FORMAT:
            return Memory()
        found = tuple(_found(row) for row in content["found"][:_MOST])
        silent = tuple(str(name)[:256] for name in content["silent"][:_MOST])
    except (ValueError, TypeError, KeyError, RecursionError):
        return Memory()
    return Memory(found, silent)


def _found(row: dict[str, Any]) -> Found:
    baud = row["baud"]
    if not isinstance(baud, int) or not 0 < baud <= 10_000_000:
        raise ValueError("no speed")
    return Found(str(row["device"])[:256], baud, str(row["name"])[:64])


def save(path: Path, memory: Memory) -> None:
    """Put `memory` in place of what the file says, if that is anything else; OSError."""
    if load(path) == memory:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    try:
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            os.write(fd, memory.text().encode("ascii") + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
