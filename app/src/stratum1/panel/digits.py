# SPDX-License-Identifier: MIT
"""The large digits of the clock, drawn as strokes so that every size is sharp.

A digit is a list of strokes over a grid of 2 x 4 cells, three points wide and five high; round corners are
cut by the pen.  Only what a clock shows is there: digits, colon, dash and space.
"""

from __future__ import annotations

import functools

from PIL import Image, ImageDraw

# Bars as on a seven-segment display: top, upper left/right, middle, lower left/right, bottom.
_SEGMENTS = {
    "0": "abcefg",
    "1": "cf",
    "2": "acdeg",
    "3": "acdfg",
    "4": "bcdf",
    "5": "abdfg",
    "6": "abdefg",
    "7": "acf",
    "8": "abcdefg",
    "9": "abcdfg",
    "-": "d",
    " ": "",
}


@functools.lru_cache(maxsize=64)
def digit(character: str, width: int, height: int, pen: int) -> Image.Image:
    """One large character as a 1-bit mask; the strokes are `pen` pixels thick and fill the box to its edges."""
    image = Image.new("1", (width, height))
    draw = ImageDraw.Draw(image)
    if character == ":":
        _colon(draw, width, height, pen)
        return image
    right, bottom = width - pen, height - pen
    middle = bottom // 2
    bars = {
        "a": (0, 0, width, pen),
        "d": (0, middle, width, middle + pen),
        "g": (0, bottom, width, height),
        "b": (0, 0, pen, middle + pen),
        "c": (right, 0, width, middle + pen),
        "e": (0, middle, pen, height),
        "f": (right, middle, width, height),
    }
    on = _SEGMENTS[character]
    if character == "1":
        # A bar at the right edge alone looks lost; a 1 stands in the middle on a foot, with a flag.
        left = (width - pen + 1) // 2
        _bar(draw, (left, 0, left + pen, height))
        _bar(draw, (max(left - pen, 0), 0, left + pen, pen))
        foot = max(pen, width // 3)
        _bar(draw, (left + pen // 2 - foot, bottom, left + (pen + 1) // 2 + foot, height))
        return image
    for name in on:
        _bar(draw, bars[name])
    _round(draw, on, bars, pen)
    return image


def _bar(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], fill: int = 1) -> None:
    x0, y0, x1, y1 = box
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=fill)


def _colon(draw: ImageDraw.ImageDraw, width: int, height: int, pen: int) -> None:
    left = (width - pen) // 2
    for middle in (height * 3 // 10, height * 7 // 10):
        _bar(draw, (left, middle - pen // 2, left + pen, middle - pen // 2 + pen))


# Where two bars meet at an outer corner: (bar, bar, right?, which height).
_CORNERS = (("a", "b", 0, "top"), ("a", "c", 1, "top"), ("g", "e", 0, "bottom"), ("g", "f", 1, "bottom"))


def _round(draw: ImageDraw.ImageDraw, on: str, bars: dict[str, tuple[int, int, int, int]], pen: int) -> None:
    cut = max(pen // 2, 1)
    for one, other, side, height in _CORNERS:
        if one in on and other in on:
            box = bars[one]
            x = box[2] - 1 if side else box[0]
            y = box[1] if height == "top" else box[3] - 1
            for step in range(cut):
                reach = cut - 1 - step
                yy = y + step if height == "top" else y - step
                draw.line((x - reach, yy, x, yy) if side else (x, yy, x + reach, yy), fill=0)
