# SPDX-License-Identifier: MIT
"""python -m stratum1.panel.gallery FOLDER: a picture of every page, state and size, made by the program itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from stratum1.panel.draw import picture
from stratum1.panel.pages import PAGES, TURN_S, AskPage, Page, details_page, sources_page
from stratum1.panel.png import glowing
from stratum1.panel.samples import worlds
from stratum1.panel.wall import PALETTE, wall
from stratum1.words import describe
from stratum1.words.samples import NOW, SURVEYING

SIZES = ((128, 64), (128, 32))
_MENU = AskPage("A: next   B: do it", "SETUP MODE", "new web password", 0.0)
_ASKED = AskPage("any key stops it", "REBOOT", "in 3 s", 0.6)


def frames() -> Iterator[tuple[str, Image.Image]]:
    """(name, 1-bit picture) of everything that is worth looking at."""
    for size in SIZES:
        for state, world in worlds(size[1]):
            for page in PAGES:
                # The other pages do not depend on every state: three of them show all there is.
                if page is PAGES[0] or state in ("locked", "holdover", "no-timekeeper"):
                    name = page.__name__.removesuffix("_page")
                    yield f"{name}-{state}-{size[1]}", picture(size, page(world))
        locked = dict(worlds(size[1]))["locked"]
        surveying = replace(locked, status=describe(SURVEYING, (NOW, SURVEYING.bound_ns, True)), second=TURN_S)
        more: dict[str, Page] = {
            "sources-surveying": sources_page(surveying),
            "details": details_page(locked),
            "menu": _MENU,
            "countdown": _ASKED,
        }
        for name, shown in more.items():
            yield f"{name}-{size[1]}", picture(size, shown)


def walls() -> Iterator[tuple[str, Image.Image]]:
    """(name, picture with a palette) of the studio clock."""
    known = dict(worlds(64))
    zones = ("UTC", "America/New_York", "Asia/Tokyo")
    for state in ("locked", "holdover", "unsynchronised", "searching"):
        yield f"wall-{state}", _coloured(wall((960, 540), known[state], zones))
    on_air = replace(known["locked"], message="ON AIR until 00:12:34")
    yield "wall-on-air", _coloured(wall((960, 540), on_air, zones))
    yield "wall-narrow", _coloured(wall((640, 480), known["locked"], zones))


def _coloured(image: Image.Image) -> Image.Image:
    image.putpalette(PALETTE)
    return image


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1:
        print("usage: python -m stratum1.panel.gallery FOLDER", file=sys.stderr)
        return 2
    folder = Path(argv[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for name, image in frames():
            (folder / f"{name}.png").write_bytes(glowing(image))
            names.append(name)
        for name, image in walls():
            image.save(folder / f"{name}.png", optimize=True)
            names.append(name)
        (folder / "README.md").write_text(_index(names), encoding="utf-8")
    except OSError as error:
        print(f"gallery: {folder}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(f"{len(names)} pictures in {folder}")
    return 0


def _index(names: Sequence[str]) -> str:
    lines = ["# What the panel shows", "", "Made by `make screens`; do not edit.", ""]
    for size in SIZES:
        lines += [f"## {size[0]} x {size[1]}", ""]
        for name in names:
            if name.endswith(f"-{size[1]}"):
                title = name.removesuffix(f"-{size[1]}").replace("-", " ", 1)
                lines += [f"**{title}**", "", f"![{title}]({name}.png)", ""]
    lines += ["## Studio clock", ""]
    for name in names:
        if name.startswith("wall-"):
            lines += [f"**{name.removeprefix('wall-')}**", "", f"![{name}]({name}.png)", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
