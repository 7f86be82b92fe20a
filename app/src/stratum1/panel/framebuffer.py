# SPDX-License-Identifier: MIT
"""A screen behind the kernel's frame buffer (Documentation/fb/framebuffer.rst), sent only what changed.

luma's linux_framebuffer turns each byte over in Python and takes /dev and /sys by their names; here whole rows are
translated, in a tenth of the time (bench/framebuffer.py, docs/panel.md).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from PIL import Image, ImageChops

from stratum1.panel.wall import PALETTE


def _pixel(bits: int, red: int, green: int, blue: int) -> bytes:
    """One point as the kernel's usual true-colour formats hold it: RGB565, BGR, BGRX; little-endian."""
    if bits == 16:
        return (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).to_bytes(2, "little")
    return bytes((blue, green, red, 0)[: bits // 8])


_BANDS = 12
"""The picture is compared in so many stripes, so that a change at the top and one at the bottom stay two."""


class FrameBuffer:
    """/dev/fbN as the loop's glass; takes pictures of palette indexes (wall.PALETTE).  OSError: it is not there."""

    def __init__(self, device: Path, sysfs: Path) -> None:
        def number(name: str) -> list[int]:
            return [int(text) for text in (sysfs / name).read_text(encoding="ascii").split(",")]

        try:
            self.size = (number("virtual_size")[0], number("virtual_size")[1])
            self._bits = number("bits_per_pixel")[0]
            self._stride = number("stride")[0]
        except (ValueError, IndexError):
            raise OSError(f"no screen: {sysfs} does not describe one") from None
        except FileNotFoundError:
            raise OSError(f"no screen: there is no {device.name}; plug it in before power-on") from None
        if self._bits not in (16, 24, 32) or not 64 <= self.size[0] <= 8192 or not 48 <= self.size[1] <= 8192:
            raise OSError(f"no screen: {self.size[0]}x{self.size[1]} with {self._bits} bits is not supported")
        self.name = f"{device.name} {self.size[0]}x{self.size[1]}, {self._bits} bits"
        # For each byte of a point a table from palette index to its value.
        colours = [_pixel(self._bits, *PALETTE[at : at + 3]) for at in range(0, len(PALETTE), 3)]
        self._tables = [
            bytes(colour[index] for colour in colours) + bytes(256 - len(colours)) for index in range(self._bits // 8)
        ]
        self._fd = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        self._shown: Image.Image | None = None
        self._new: Image.Image | None = None
        self._rows: list[tuple[int, bytes]] = []
        self._dark = False

    def prepare(self, image: Image.Image, urgent: tuple[int, int]) -> int:
        if self._dark:
            image = Image.new("L", self.size)
        self._new = image
        self._rows = []
        for top in range(0, image.height, -(-image.height // _BANDS)):
            band = (0, top, image.width, min(top + -(-image.height // _BANDS), image.height))
            box: tuple[int, int, int, int] | None = (0, 0, band[2], band[3] - top)
            if self._shown is not None:
                box = ImageChops.difference(image.crop(band), self._shown.crop(band)).getbbox()
            if box is not None:
                self._pack(image, (box[0], top + box[1], box[2], top + box[3]))
        return 0

    def _pack(self, image: Image.Image, box: tuple[int, int, int, int]) -> None:
        points = image.crop(box).tobytes()
        wide = len(self._tables)
        raw = bytearray(len(points) * wide)
        for index, table in enumerate(self._tables):
            raw[index::wide] = points.translate(table)
        length = (box[2] - box[0]) * wide
        start = box[1] * self._stride + box[0] * wide
        for row in range(box[3] - box[1]):
            self._rows.append((start + row * self._stride, bytes(raw[row * length : (row + 1) * length])))

    def send(self) -> None:
        for offset, row in self._rows:
            os.pwrite(self._fd, row, offset)
        self._rows = []
        self._shown = self._new

    def light(self, level: int) -> None:
        self._dark = level == 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.prepare(Image.new("L", self.size), (0, 0))  # a clock that stands still would be taken for the time
            self.send()
        with contextlib.suppress(OSError):
            os.close(self._fd)
