# SPDX-License-Identifier: MIT
"""How far an update is, told by the process that installs it to those that show it."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass

from stratum1.paths import Paths


@dataclass(frozen=True, slots=True)
class Progress:
    step: str
    """`checking`, `writing`, `reading back`, `restarting`, or `failed`."""
    done: int = 0
    total: int = 0
    """bytes; every byte is written once and read back once"""
    version: str = ""
    problem: str = ""
    """One line when it failed."""


def write_progress(paths: Paths, progress: Progress) -> None:
    """For the page; a lost one does no harm."""
    new = paths.update_status.with_name(f"{paths.update_status.name}.new")
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        new.chmod(0o644)
        os.replace(new, paths.update_status)


def read_progress(paths: Paths) -> Progress | None:
    """How far the update is; None when none was begun since power-on."""
    try:
        return Progress(**json.loads(paths.update_status.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
