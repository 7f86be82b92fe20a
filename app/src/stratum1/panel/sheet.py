# SPDX-License-Identifier: MIT
"""A canvas with the few things that pages are made of; every text is cut to its place."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from stratum1.panel.digits import digit
from stratum1.panel.fonts import LABEL, TEXT, Font

_DISH = ("#....#.", "#..#..#", "##..#.#", "###....", "####...", ".####..", "###.##.")


class Sheet:
    """`width` x `height` points, all dark."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.image = Image.new("1", (width, height))
        self.draw = ImageDraw.Draw(self.image)

    def text(self, x: int, y: int, text: str, room: int, font: Font = TEXT, ink: int = 255) -> int:
        """Write `text` into `room` points from `x` on; gives the points it took."""
        text = font.fit(text, room)
        if text:
            self.draw.bitmap((x, y), font.render(text), fill=ink)
        return font.width(text)

    def right(self, x: int, y: int, text: str, room: int, font: Font = TEXT) -> int:
        """As text(), ending before `x`."""
        text = font.fit(text, room)
        width = font.width(text)
        if text:
            self.draw.bitmap((x - width, y), font.render(text), fill=255)
        return width

    def pair(self, y: int, left: str, right: str) -> None:
        """Two texts on one line; the right one has priority, the left one what is left."""
        taken = self.right(self.width, y, right, self.width)
        gap = 5 if taken else 0
        if self.width - taken - gap > 8:
            self.text(0, y, left, self.width - taken - gap)

    def row(self, y: int, label: str, value: str) -> None:
        """A small label at the left, the value at the right, in small letters where it is long."""
        if not label:
            self.text(0, y, value, self.width, fitting(value, self.width))
            return
        room = self.width - self.text(0, y + 2, label.upper(), self.width // 2, LABEL) - 4
        font = fitting(value, room)
        self.right(self.width, y if font is TEXT else y + 2, value, room, font)

    def title(self, title: str, right: str) -> None:
        """The head of a page: 10 rows."""
        taken = self.right(self.width, 0, right, self.width * 2 // 3)
        self.text(0, 0, title, self.width - taken - 5)
        if self.height >= 60:
            self.draw.line((0, 9, self.width - 1, 9), fill=255)

    def pill(self, x: int, y: int, text: str, room: int, filled: bool) -> int:
        """A word in a box of 11 rows: filled when all is well, an outline when it is not."""
        text = TEXT.fit(text, room - 6)
        width = TEXT.width(text) + 6
        x1, y1 = x + width - 1, y + 10
        self.draw.rectangle((x, y, x1, y1), fill=255 if filled else 0, outline=255)
        self.draw.point([(x, y), (x1, y), (x, y1), (x1, y1)], fill=0)
        if text:
            self.draw.bitmap((x + 3, y + 2), TEXT.render(text), fill=0 if filled else 255)
        return width

    def satellite(self, x: int, y: int) -> None:
        """A dish of 7x7 points."""
        for row, line in enumerate(_DISH):
            for column, c in enumerate(line):
                if c == "#":
                    self.draw.point((x + column, y + row), fill=255)

    def badges(self, y: int, room: int, satellites: str, stratum: str) -> None:
        """Satellites and stratum at the right end of a line, as far as `room` goes."""
        need = TEXT.width(satellites) + 9
        if need > room:
            return
        self.right(self.width, y, satellites, need)
        self.satellite(self.width - need, y)
        if stratum != "-" and need + 6 + TEXT.width(f"S{stratum}") <= room:
            self.right(self.width - need - 6, y, f"S{stratum}", room)

    def time(self, y: int, height: int, time: str) -> None:
        """HH:MM:SS, over the whole width where the rows allow."""
        wide, colon, gap, pen = (17, 5, 2, 4) if height >= 24 else (12, 4, 2, 3)
        taken = 6 * (wide + gap) + 2 * (colon + gap) - gap
        x = (self.width - taken) // 2 if height >= 24 else 0
        for character in time:
            width = colon if character == ":" else wide
            self.draw.bitmap((x, y), digit(character, width, height, pen), fill=255)
            x += width + gap

    def code(self, x: int, y: int, size: int, modules: Sequence[str]) -> None:
        """A QR code, dark on a lit square, as large as whole points allow; `modules` are rows of # and other."""
        self.draw.rectangle((x, y, x + size - 1, y + size - 1), fill=255)
        scale = max((size - 4) // len(modules), 1)
        edge = (size - scale * len(modules)) // 2
        for row, line in enumerate(modules):
            for column, c in enumerate(line):
                if c == "#":
                    left, top = x + edge + column * scale, y + edge + row * scale
                    self.draw.rectangle((left, top, left + scale - 1, top + scale - 1), fill=0)


def fitting(text: str, room: int) -> Font:
    """The larger letters where `text` has room in them, else the small ones."""
    return TEXT if TEXT.width(text) <= room else LABEL


def wrap(text: str, room: int, font: Font = TEXT) -> list[str]:
    """`text` in lines of at most `room` points, broken at spaces, and inside a word only when it is too long."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.width(longer) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        while len(word) > 1 and font.width(word) > room:
            cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or font.width(word[:n]) <= room)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines
