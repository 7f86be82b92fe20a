# SPDX-License-Identifier: MIT
"""Reading the panel's glass: the points that came over the I2C lines, held against what the panel would draw."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from stratum1.panel.draw import MARGIN
from stratum1.panel.fonts import LABEL, TEXT
from stratum1.panel.sheet import Sheet

CLOCK_TOP, CLOCK_HEIGHT = 14, 26
"""Where draw.clock() puts the time on a sheet of 64 rows."""


def contains(frame: Image.Image, word: Image.Image) -> bool:
    """Whether the points of `word` are found in `frame`, as they are or inverted, with a free column on both sides."""
    framed = Image.new("1", (word.width + 2, word.height))
    framed.paste(word, (1, 0))
    patterns = (framed.tobytes(), ImageChops.invert(framed).tobytes())
    inverted = ImageChops.invert(frame)
    # A word may stand at the very edge of the glass: what lies beyond is as dark, or as bright, as its ground.
    for picture in (frame, inverted):
        wide = Image.new("1", (frame.width + 2, frame.height))
        wide.paste(picture, (1, 0))
        for y in range(frame.height - word.height + 1):
            for x in range(wide.width - framed.width + 1):
                if wide.crop((x, y, x + framed.width, y + framed.height)).tobytes() in patterns:
                    return True
    return False


@dataclass(frozen=True)
class Glass:
    image: Image.Image
    """Mode "1", lit points white."""
    light: int
    """The contrast it was told, 0 when it is off."""

    def says(self, text: str) -> bool:
        """Whether every word of `text` stands there in the panel's letters, large or small."""
        words = [word for word in text.split() if word]
        return any(all(contains(self.image, font.render(word)) for word in words) for font in (TEXT, LABEL))

    def shows_time(self, utc_s: float) -> bool:
        """Whether the large digits are those of `utc_s`, wherever against burn-in the picture lies."""
        sheet = Sheet(self.image.width - MARGIN, CLOCK_HEIGHT)
        sheet.time(0, CLOCK_HEIGHT, time.strftime("%H:%M:%S", time.gmtime(utc_s)))
        return any(
            self.image.crop((x, CLOCK_TOP + y, x + sheet.width, CLOCK_TOP + y + CLOCK_HEIGHT)).tobytes()
            == sheet.image.tobytes()
            for x in range(MARGIN + 1)
            for y in range(MARGIN + 1)
        )


def read_glass(file: Path) -> Glass | None:
    """What the hat wrote there; None before the first frame."""
    try:
        text = file.read_text(encoding="ascii")
    except OSError:
        return None
    head = re.match(r"P1\n# light (\d+)\n(\d+) (\d+)\n", text)
    if head is None:
        return None
    points = [255 if digit == "0" else 0 for digit in text[head.end() :] if digit in "01"]
    image = Image.new("1", (int(head[2]), int(head[3])))
    image.putdata(points)
    return Glass(image, int(head[1]))
