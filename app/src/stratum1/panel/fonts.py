# SPDX-License-Identifier: MIT
"""Letters made of whole pixels: luma's 5x7 LCD letters with what they lack, and a tiny size for labels.

Glyphs are cut to their ink, so that lines are proportional and more words fit; digits keep one width,
so that a running number does not jump.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from luma.core.legacy.font import LCD_FONT, TINY_FONT
from PIL import Image

_MORE = {
    "±": ("..#..", "..#..", "#####", "..#..", "..#..", ".....", "#####"),
    "µ": (".....", "#..#.", "#..#.", "#..#.", "####.", "#....", "#...."),
    "°": (".##.", "#..#", "#..#", ".##.", "....", "....", "...."),
    "·": ("..", "..", "..", "##", "##", "..", ".."),
    "…": (".....", ".....", ".....", ".....", ".....", ".....", "#.#.#"),
    "→": (".....", "..#..", "...#.", "#####", "...#.", "..#..", "....."),
    "↑": ("..#..", ".###.", "#.#.#", "..#..", "..#..", "..#..", "....."),
    "↓": ("..#..", "..#..", "..#..", "#.#.#", ".###.", "..#..", "....."),
    "–": (".....", ".....", ".....", "#####", ".....", ".....", "....."),
    # The table squeezes these onto the base line.
    "g": (".....", ".....", ".####", "#...#", "#...#", ".####", "....#", ".###."),
    "j": ("...#", "....", "..##", "...#", "...#", "...#", "#..#", ".##."),
    "p": (".....", ".....", "####.", "#...#", "#...#", "####.", "#....", "#...."),
    "q": (".....", ".....", ".####", "#...#", "#...#", ".####", "....#", "....#"),
    "y": (".....", ".....", "#...#", "#...#", "#...#", ".####", "....#", ".###."),
    ",": ("..", "..", "..", "..", "..", "##", ".#", "#."),
    # Better shapes than those of the table.
    "%": ("##..#", "##..#", "...#.", "..#..", ".#...", "#..##", "#..##"),
    "-": ("....", "....", "....", "####", "....", "....", "...."),
    ":": ("..", "##", "##", "..", "##", "##", ".."),
    ".": ("..", "..", "..", "..", "..", "##", "##"),
}
# What people's names and zones bring along, as the nearest letter there is.
_LIKE = str.maketrans(
    {
        "ä": "a", "ö": "o", "ü": "u", "ß": "s", "Ä": "A", "Ö": "O", "Ü": "U", "é": "e", "è": "e", "ê": "e",
        "á": "a", "à": "a", "â": "a", "å": "a", "ç": "c", "ñ": "n", "ó": "o", "ò": "o", "ô": "o", "ø": "o",
        "í": "i", "ì": "i", "î": "i", "ú": "u", "ù": "u", "û": "u", "−": "-", "—": "–", "μ": "µ", "×": "x",
        "“": '"', "”": '"', "’": "'", "‘": "'", "\N{NO-BREAK SPACE}": " ",
    }
)  # fmt: skip


class Font:
    """A fixed set of glyphs; `height` counts what hangs below the base line, so lines may stand `height` apart."""

    def __init__(
        self, columns: Sequence[Sequence[int]], top: int, height: int, gap: int, more: dict[str, tuple[str, ...]]
    ) -> None:
        self.height = height
        self.gap = gap
        self._glyphs: dict[str, Image.Image] = {}
        digits = max(_ink(columns[ord(c)])[1] - _ink(columns[ord(c)])[0] for c in "0123456789")
        for code in range(33, 127):
            first, last = _ink(columns[code])
            if last > first:
                ink = list(columns[code][first:last])
                if chr(code).isdigit():
                    pad = (digits - len(ink) + 1) // 2
                    ink = ([0] * pad + ink + [0] * digits)[:digits]
                self._glyphs[chr(code)] = _image([[bool(bits >> (y + top) & 1) for bits in ink] for y in range(height)])
        for character, lines in more.items():
            self._glyphs[character] = _image([[c == "#" for c in line] for line in lines])
        self._space = 2 if height < 7 else 3

    def _glyph(self, character: str) -> Image.Image | None:
        return self._glyphs.get(character) or self._glyphs["?"]

    def width(self, text: str) -> int:
        """Pixels that `text` takes, without a gap behind it."""
        total = 0
        for character in text.translate(_LIKE):
            glyph = None if character == " " else self._glyph(character)
            total += (self._space if glyph is None else glyph.width) + self.gap
        return max(total - self.gap, 0)

    def fit(self, text: str, room: int) -> str:
        """`text`, or as much of its beginning as has room with an ellipsis behind it."""
        if self.width(text) <= room:
            return text
        dots = "…" if "…" in self._glyphs else ".."
        while text and self.width(text.rstrip() + dots) > room:
            text = text[:-1]
        return text.rstrip() + dots if text else ""

    @functools.lru_cache(maxsize=256)  # noqa: B019  (there are two fonts, and they live as long as the process)
    def render(self, text: str) -> Image.Image:
        """`text` as a 1-bit mask of exactly its width."""
        image = Image.new("1", (max(self.width(text), 1), self.height))
        x = 0
        for character in text.translate(_LIKE):
            glyph = None if character == " " else self._glyph(character)
            if glyph is None:
                x += self._space + self.gap
                continue
            image.paste(glyph, (x, 0))
            x += glyph.width + self.gap
        return image


def _ink(columns: Sequence[int]) -> tuple[int, int]:
    """First column with ink, and the one behind the last."""
    used = [x for x, bits in enumerate(columns) if bits]
    return (used[0], used[-1] + 1) if used else (0, 0)


def _image(rows: list[list[bool]]) -> Image.Image:
    image = Image.new("1", (len(rows[0]), len(rows)))
    image.putdata([255 if bit else 0 for row in rows for bit in row])
    return image


TEXT = Font(LCD_FONT, top=0, height=8, gap=1, more=_MORE)
LABEL = Font(
    TINY_FONT,
    top=1,
    height=5,
    gap=1,
    more={
        "±": (".#.", "###", ".#.", "...", "###"),
        "µ": ("...", "#.#", "#.#", "##.", "#.."),
        "°": ("##", "##", "..", "..", ".."),
        "/": ("..#", "..#", ".#.", "#..", "#.."),
        "%": ("#.#", "..#", ".#.", "#..", "#.#"),
        "-": ("...", "...", "###", "...", "..."),
    },
)
