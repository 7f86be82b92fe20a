# SPDX-License-Identifier: MIT
"""What was learned of the oscillator and of the pulse's line, kept across a reboot.

Each file is a few words of JSON, written to a new file that takes the old one's place, so that a
power cut leaves one or the other; at most every ten minutes, to spare the card.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from stratum1.discipline import StoredDrift

MOST_BYTES = 4096


def load(path: Path) -> tuple[StoredDrift | None, str]:
    """(what the file says, what is wrong with it in one line or ""); a missing file is no fault."""
    try:
        with open(path, "rb") as file:
            text = file.read(MOST_BYTES)
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not what was once saved there")
        return StoredDrift.from_dict(values), ""
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError) as error:
        return None, f"{path}: {error}; the drift is learned anew"


def save(path: Path, drift: StoredDrift) -> None:
    """Put `drift` in place of what the file says; OSError."""
    _put(path, drift.as_dict())


def load_line(path: Path) -> str:
    """The line that pulses came from, as pulses.PulseKeeper names it; "" when nobody knows."""
    try:
        with open(path, "rb") as file:
            line = json.loads(file.read(MOST_BYTES))["line"]
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    return line if isinstance(line, str) else ""


def save_line(path: Path, line: str) -> None:
    """Remember `line`, if that is news; OSError."""
    if load_line(path) != line:
        _put(path, {"line": line})


def _put(path: Path, values: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, json.dumps(values).encode("ascii") + b"\n")
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(new, path)
