#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long a picture of the studio clock takes to a frame buffer: luma's linux_framebuffer beside our writer.

    build/venv/bin/python bench/framebuffer.py

Both write to a plain file of the size of the screen; prints a table, asserts nothing.
"""

from __future__ import annotations

import builtins
import dataclasses
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from luma.core.device import linux_framebuffer
from PIL import Image

from stratum1.panel.framebuffer import FrameBuffer
from stratum1.panel.samples import worlds
from stratum1.panel.wall import PALETTE, wall

ROUNDS = 5


class Luma(linux_framebuffer):  # type: ignore[misc]
    """luma's device with the folders of the kernel taken from it: it looks them up by their full names."""

    def __init__(self, size: tuple[int, int], bits: int, file: io.BufferedWriter) -> None:
        self._known = {"virtual_size": size, "bits_per_pixel": (bits,)}
        self._file = file
        opened, builtins.open = builtins.open, lambda *_, **__: file  # type: ignore[assignment]
        try:
            super().__init__("/dev/fb0", bgr=bits != 16)
        finally:
            builtins.open = opened

    def _linux_framebuffer__config(self, section: str) -> Iterator[int]:  # luma's private name
        return iter(self._known[section])


def ours(folder: Path, size: tuple[int, int], bits: int) -> FrameBuffer:
    for name, text in (
        ("virtual_size", f"{size[0]},{size[1]}"),
        ("bits_per_pixel", str(bits)),
        ("stride", str(size[0] * bits // 8)),
    ):
        (folder / name).write_text(text)
    (folder / "fb0").touch()
    return FrameBuffer(folder / "fb0", folder)


def pictures(size: tuple[int, int]) -> list[Image.Image]:
    """Two seconds that follow each other."""
    world: Any = dict(worlds(64))["locked"]
    found = []
    for second in ("14:05:38", "14:05:39"):
        found.append(wall(size, dataclasses.replace(world, status=dataclasses.replace(world.status, time=second))))
    return found


def taken(show: Callable[[Image.Image], None], first: Image.Image, second: Image.Image) -> tuple[float, float]:
    """ms of the first picture on an empty screen, and of the change of a second (median)."""
    start = time.perf_counter()
    show(first)
    whole = time.perf_counter() - start
    changes = []
    for i in range(ROUNDS):
        start = time.perf_counter()
        show((second, first)[i % 2])
        changes.append(time.perf_counter() - start)
    return whole * 1e3, statistics.median(changes) * 1e3


def main() -> None:
    print("| screen | luma: first picture | luma: a second | ours: first picture | ours: a second |")
    print("|---|---|---|---|---|")
    for size, bits in (((800, 480), 16), ((1280, 720), 32), ((1920, 1080), 32), ((3840, 2160), 32)):
        plain = pictures(size)
        coloured = []
        for image in plain:
            copy = image.copy()
            copy.putpalette(PALETTE)
            coloured.append(copy.convert("RGB"))
        with tempfile.TemporaryDirectory() as name, open(Path(name) / "luma", "wb") as file:
            luma = taken(Luma(size, bits, file).display, *coloured)
            screen = ours(Path(name), size, bits)

            def show(image: Image.Image, screen: FrameBuffer = screen) -> None:
                screen.prepare(image, (0, 0))
                screen.send()

            own = taken(show, *plain)
            screen.close()
        figures = " | ".join(f"{ms:.0f} ms" for ms in (*luma, *own))
        print(f"| {size[0]}x{size[1]}, {bits} bits | {figures} |")


if __name__ == "__main__":
    main()
