# SPDX-License-Identifier: MIT
"""How the pages look: 1-bit pictures of 128x64 or 128x32 pixels, readable at an arm's length.

Nothing here decides what is said; every text is cut to its place, so nothing can run over the edge.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from stratum1.panel.digits import digit
from stratum1.panel.fonts import TEXT, Font
from stratum1.panel.pages import ClockPage, Page

MARGIN = 2
"""Rows and columns that every page leaves free, so that it can be moved about."""


class Sheet:
    """A canvas with the few things that pages are made of."""

    def __init__(self, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
        self.draw = draw
        self.width = width
        self.height = height

    def page(self, page: Page) -> None:
        """Draw `page` on this, which must be empty."""
        self.clock(page)

    def text(self, x: int, y: int, text: str, room: int, font: Font = TEXT, ink: int = 255) -> int:
        """Write `text` into `room` pixels from `x` on; gives the pixels it took."""
        text = font.fit(text, room)
        if text:
            self.draw.bitmap((x, y), font.render(text), fill=ink)
        return font.width(text)

    def right(self, x: int, y: int, text: str, room: int, font: Font = TEXT, ink: int = 255) -> int:
        """As text(), ending before `x`."""
        text = font.fit(text, room)
        width = font.width(text)
        if text:
            self.draw.bitmap((x - width, y), font.render(text), fill=ink)
        return width

    def pair(self, y: int, left: str, right: str) -> None:
        """Two texts on one line; the right one has priority, the left one what is left."""
        taken = self.right(self.width, y, right, self.width)
        gap = 5 if taken else 0
        if self.width - taken - gap > 8:
            self.text(0, y, left, self.width - taken - gap)

    def pill(self, x: int, y: int, text: str, room: int, filled: bool) -> int:
        """A state in a box of 11 rows: filled when time is served, an outline when it is not."""
        text = TEXT.fit(text, room - 6)
        width = TEXT.width(text) + 6
        x1, y1 = x + width - 1, y + 10
        self.draw.rectangle((x, y, x1, y1), fill=255 if filled else 0, outline=255)
        self.draw.point([(x, y), (x1, y), (x, y1), (x1, y1)], fill=0)
        self.draw.bitmap((x + 3, y + 2), TEXT.render(text), fill=0 if filled else 255)
        return width

    def satellite(self, x: int, y: int) -> None:
        """A dish of 7x7 pixels."""
        for row, line in enumerate(("#....#.", "#..#..#", "##..#.#", "###....", "####...", ".####..", "###.##.")):
            for column, c in enumerate(line):
                if c == "#":
                    self.draw.point((x + column, y + row), fill=255)

    def time(self, y: int, height: int, time: str) -> None:
        """HH:MM:SS, over the whole width where the rows allow."""
        wide, colon, gap, pen = (17, 5, 2, 4) if height >= 24 else (12, 4, 2, 3)
        taken = 6 * (wide + gap) + 2 * (colon + gap) - gap
        x = (self.width - taken) // 2 if height >= 24 else 0
        for character in time:
            width = colon if character == ":" else wide
            self.draw.bitmap((x, y), digit(character, width, height, pen), fill=255)
            x += width + gap

    def badges(self, y: int, room: int, satellites: str, stratum: str) -> None:
        """Satellites and stratum at the right end of a line, as far as `room` goes."""
        need = TEXT.width(satellites) + 9
        if need > room:
            return
        self.right(self.width, y, satellites, need)
        self.satellite(self.width - need, y)
        if stratum != "-" and need + 6 + TEXT.width(f"S{stratum}") <= room:
            self.right(self.width - need - 6, y, f"S{stratum}", room)

    def clock(self, page: ClockPage) -> None:
        if self.height < 60:
            self.small_clock(page)
            return
        taken = self.pill(0, 0, page.state, self.width, page.good)
        self.badges(2, self.width - taken - 5, page.satellites, page.stratum)
        self.time(14, 26, page.time)
        self.pair(44, *page.middle)
        self.pair(54, *page.bottom)

    def small_clock(self, page: ClockPage) -> None:
        """The clock on 30 rows: one line of text, the time below, two short facts beside it."""
        if page.turn != page.state and TEXT.width(page.state) + 5 + TEXT.width(page.turn) <= self.width:
            self.pair(0, page.state, page.turn)
        else:
            self.text(0, 0, page.turn, self.width)
        self.time(10, 20, page.time)
        self.right(self.width, 11, f"S{page.stratum}", 26)
        taken = self.right(self.width, 22, page.satellites.partition("/")[0], 18)
        self.satellite(self.width - taken - 9, 22)


def urgent_rows(size: tuple[int, int]) -> tuple[int, int]:
    """First row of the time and the row behind its last, wherever the page is moved to."""
    return (14, 40 + MARGIN) if size[1] >= 64 else (10, 32)


def picture(size: tuple[int, int], page: Page, shift: tuple[int, int] = (0, 0)) -> Image.Image:
    """The page as a 1-bit image; `shift`, 0..2 in both directions, moves it about against burn-in."""
    image = Image.new("1", size)
    inner = Image.new("1", (size[0] - MARGIN, size[1] - MARGIN))
    Sheet(ImageDraw.Draw(inner), *inner.size).page(page)
    image.paste(inner, shift)
    return image
