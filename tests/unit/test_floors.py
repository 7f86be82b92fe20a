# SPDX-License-Identifier: MIT
"""A room imports only rooms below it; docs/architecture.md says which floor each is on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "app" / "src" / "stratum1"

CIMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(\(?[^#]*)|c?import\s+([\w., ]+))", re.MULTILINE)


def floors() -> dict[str, int]:
    """Room -> floor, from the table under "## Rooms"."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("\n## Rooms\n")[1].split("\n## ")[0]
    found: dict[str, int] = {}
    for floor, rooms in re.findall(r"^\| (\d) \| ([^|]*) \|", table, re.MULTILINE):
        for room in re.findall(r"`(\w+)`", rooms):
            found[room] = int(floor)
    return found


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].split(".")[0]


def modules() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*") if p.suffix in {".py", ".pyx", ".pxd", ".pyi"})


def imports(path: Path, text: str) -> Iterator[str]:
    """Dotted names of what a file imports from this package, wherever in the file it does so."""
    package = ["stratum1", *path.relative_to(SOURCE).parent.parts]
    names: list[tuple[int, str, list[str]]] = []
    if path.suffix in {".py", ".pyi"}:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                names.append((node.level, node.module or "", [alias.name for alias in node.names]))
            elif isinstance(node, ast.Import):
                names += [(0, alias.name, []) for alias in node.names]
    else:
        for origin, wanted, plain in CIMPORT.findall(text):
            if origin:
                level = len(origin) - len(origin.lstrip("."))
                names.append((level, origin.lstrip("."), re.findall(r"(\w+)(?:\s+as\s+\w+)?", wanted)))
            else:
                names += [(0, name.split(" as ")[0].strip(), []) for name in plain.split(",")]
    for level, module, wanted_names in names:
        base = package[: len(package) - level + 1] if level else []
        full = ".".join([*base, *([module] if module else [])])
        if full == "stratum1":
            yield from (f"stratum1.{name}" for name in wanted_names)
        elif full.startswith("stratum1."):
            yield full


def arrows_up(path: Path, text: str, floor: dict[str, int]) -> list[str]:
    here = room_of(path)
    if here.startswith("__"):
        return []  # the package itself and `python -m stratum1` stand at the door
    wrong = []
    for name in imports(path, text):
        there = name.split(".")[1]
        if there in floor and there != here and floor[there] >= floor[here]:
            wrong.append(f"{path.relative_to(SOURCE)} (floor {floor[here]}) imports {there} (floor {floor[there]})")
    return wrong


def test_the_table_of_rooms_is_read() -> None:
    assert floors()["timescale"] == 1
    assert floors()["cli"] == 5
    assert floors()["responder"] == floors()["web"] == 4


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_import_runs_up_or_sideways(path: Path) -> None:
    assert arrows_up(path, path.read_text(encoding="utf-8"), floors()) == []


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in modules()} - {"__init__", "__main__"}
    assert rooms - floors().keys() == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("discipline/servo.py", "from stratum1.timekeeper import main"),
        ("discipline/servo.py", "def late():\n    import stratum1.web.main"),
        ("discipline/servo.py", "from stratum1 import simulator"),
        ("discipline/servo.py", "from ..ntp import packet"),
        ("ntp/answer.pyx", "from stratum1.discipline.servo cimport step"),
        ("tracking/page.pxd", "from stratum1.settings cimport thing"),
        ("ntp/answer.pyx", "cimport stratum1.words as w"),
        ("ntp/answer.pyx", "from ..words import say"),
    ],
)
def test_an_arrow_up_or_sideways_is_seen(name: str, text: str) -> None:
    assert arrows_up(SOURCE / name, text, floors()) != []


def test_an_arrow_down_is_fine() -> None:
    text = "from stratum1.tracking.page cimport tracking_page\nfrom libc.stdint cimport int64_t\n"
    assert arrows_up(SOURCE / "ntp" / "answer.pyx", text, floors()) == []
