# SPDX-License-Identifier: MIT
"""The log, as the supervisor keeps it in the run folder, and that of the system where there is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, render_template, request

from stratum1.paths import Paths
from stratum1.web.box import Box
from stratum1.web.login import Guard

SHOWN = 300
LARGEST = 262_144
"""Bytes that are read of one file, from its end."""
SYSTEM = "system"
"""What the choice of processes calls the machine's own log."""
_LINE = re.compile(r"(\S+Z) (?:(\w[\w-]*): )?(.*)")


@dataclass(frozen=True, slots=True)
class Line:
    when: str
    process: str
    """Empty for what the supervisor itself says."""
    text: str


def tail(path: Path) -> str:
    """The end of a text file, whole lines; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LARGEST))
            data = file.read(LARGEST)
    except OSError:
        return ""
    if size > LARGEST:
        data = data.partition(b"\n")[2]
    return data.decode("utf-8", "replace")


def older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def kept(paths: Paths) -> list[Line]:
    """What the processes said, oldest first."""
    found = []
    for text in (tail(older(paths.log)) + tail(paths.log)).splitlines():
        match = _LINE.fullmatch(text)
        if match:
            found.append(Line(match[1], match[2] or "", match[3]))
    return found


def system(paths: Paths) -> list[str]:
    """The machine's own log, oldest first; empty where there is none that the page may read."""
    return tail(paths.system_log).splitlines()


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("logs", __name__)

    @rooms.get("/system/log")
    @guard.only_known
    def view() -> str:
        wanted = request.args.get("process", "")
        lines = kept(box.paths)
        names = sorted({each.process for each in lines if each.process})
        own = system(box.paths)
        if wanted == SYSTEM:
            chosen = [Line("", "", text) for text in own]
        else:
            wanted = wanted if wanted in names else ""
            chosen = [each for each in lines if wanted in ("", each.process)]
        return render_template(
            "log.html",
            lines=chosen[: -SHOWN - 1 : -1],
            names=[*names, SYSTEM] if own else names,
            wanted=wanted,
            more=len(chosen) > SHOWN,
        )

    return rooms
