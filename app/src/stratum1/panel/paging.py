# SPDX-License-Identifier: MIT
"""A picture as an OLED controller keeps it, and the least that must be sent to turn one into another.

SSD1306 and SH1106 hold a byte for eight rows of a column, least bit on top; eight rows are a page.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle to be sent: columns `left`..`right` of the pages `top`..`bottom`, all inclusive."""

    left: int
    right: int
    top: int
    bottom: int

    @property
    def size(self) -> int:
        return (self.right - self.left + 1) * (self.bottom - self.top + 1)

    def cut(self, pages: tuple[bytes, ...]) -> bytes:
        """The bytes of this rectangle, page by page."""
        return b"".join(pages[page][self.left : self.right + 1] for page in range(self.top, self.bottom + 1))


def pages_of(image: Image.Image) -> tuple[bytes, ...]:
    """A 1-bit image, its height a multiple of 8, as one run of column bytes for each page."""
    count = image.height // 8
    # Turned clockwise, a column is a row that begins at the bottom: its bytes are the pages from the last to the first.
    raw = image.transpose(Image.Transpose.ROTATE_270).tobytes()
    return tuple(raw[count - 1 - page :: count] for page in range(count))


def patches(old: tuple[bytes, ...], new: tuple[bytes, ...], overhead: int, rectangles: bool) -> list[Patch]:
    """What must be sent to turn `old` into `new`, from the top down.

    `overhead` is the price of one more patch in bytes on the bus; `rectangles` tells whether one patch may
    cover several pages.
    """
    found: list[Patch] = []
    for page, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        changed = [x for x, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        start = last = changed[0]
        for x in changed[1:]:
            if x - last > overhead:
                found.append(Patch(start, last, page, page))
                start = x
            last = x
        found.append(Patch(start, last, page, page))
    return _merge(found, overhead) if rectangles else found


def _merge(found: list[Patch], overhead: int) -> list[Patch]:
    """Join patches of neighbouring pages wherever one rectangle is cheaper than two."""
    merged: list[Patch] = []
    for patch in found:
        for index, other in enumerate(merged):
            if other.bottom != patch.top - 1:
                continue
            both = Patch(min(other.left, patch.left), max(other.right, patch.right), other.top, patch.bottom)
            if both.size <= other.size + patch.size + overhead:
                merged[index] = both
                break
        else:
            merged.append(patch)
    return merged
