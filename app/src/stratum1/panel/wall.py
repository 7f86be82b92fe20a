# SPDX-License-Identifier: MIT
"""The wall clock: a studio clock for a whole screen, drawn from the same words as the panel's pages.

A ring of sixty points fills with the seconds, in the colour of the state; the time stands inside, and beside it what a
person in a studio looks for: state, error bound, date, other zones, and the line that somebody has set.
"""

from __future__ import annotations

import math

from PIL import Image, ImageDraw

from stratum1.panel.digits import digit
from stratum1.panel.fonts import TEXT
from stratum1.panel.sheet import wrap
from stratum1.panel.world import World
from stratum1.words import moment

BLACK, WHITE, DIM, GREY, GREEN, BLUE, AMBER, RED = range(8)
PALETTE = bytes(
    (0, 0, 0, 255, 255, 255, 38, 42, 48, 150, 158, 168, 52, 208, 124, 96, 160, 255, 255, 176, 32, 255, 48, 40)
)
_COLOURS = {"good": GREEN, "busy": BLUE, "warning": AMBER, "alarm": RED}


def wall(size: tuple[int, int], world: World, zones: tuple[str, ...] = ()) -> Image.Image:
    """The clock as an image of palette indexes (mode "L", see PALETTE)."""
    image = Image.new("L", size)
    canvas = ImageDraw.Draw(image)
    width, height = size
    side = min(height, width * 9 // 16)
    colour = _COLOURS[world.status.level]
    _ring(canvas, side, (height - side) // 2, world, colour)
    margin = max(height // 24, 4)
    _beside(canvas, (side + margin, margin, width - margin, height - margin), world, colour, zones)
    return image


def _ring(canvas: ImageDraw.ImageDraw, side: int, top: int, world: World, colour: int) -> None:
    status = world.status
    centre_x, centre_y = side / 2, top + side / 2
    radius, dot = side * 0.455, max(side / 72, 1.0)
    seconds = int(status.time[6:]) if status.time[6:].isdigit() else -1
    for index in range(60):
        angle = index * math.tau / 60
        x, y = centre_x + radius * math.sin(angle), centre_y - radius * math.cos(angle)
        canvas.ellipse((x - dot, y - dot, x + dot, y + dot), fill=colour if index <= seconds else DIM)
        if index % 5 == 0:  # the hours' points stand outside and are always lit
            x, y = centre_x + (radius + 2.6 * dot) * math.sin(angle), centre_y - (radius + 2.6 * dot) * math.cos(angle)
            canvas.ellipse((x - dot / 2, y - dot / 2, x + dot / 2, y + dot / 2), fill=GREY)
    ink = WHITE if status.serves else colour
    _time(canvas, (side, centre_x, top + side * 0.36), status.time[:5], 0.215, ink)
    _time(canvas, (side, centre_x, top + side * 0.62), status.time[6:], 0.14, ink)
    scale = max(side // 200, 1)
    _centred(canvas, centre_x, top + side * 0.24, status.zone, scale, GREY, side // 2)


def _time(canvas: ImageDraw.ImageDraw, place: tuple[int, float, float], text: str, share: float, ink: int) -> None:
    """Digits of `share` of the side's height, centred on x, their top at y; place = (side, x, y)."""
    side, middle, y = place
    height = max(round(side * share), 9)
    wide, gap, pen = height * 5 // 8, max(height // 9, 1), max(height // 8, 1)
    colon = pen * 2
    widths = [colon if c == ":" else wide for c in text]
    x = round(middle - (sum(widths) + gap * (len(text) - 1)) / 2)
    for character, width in zip(text, widths, strict=True):
        canvas.bitmap((x, round(y)), digit(character, width, height, pen), fill=ink)
        x += width + gap


def _beside(
    canvas: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    world: World,
    colour: int,
    zones: tuple[str, ...],
) -> None:
    """What stands right of the ring, from the top down, as far as it goes."""
    left, top, right, bottom = box
    room = right - left
    if room < 40:
        return
    status = world.status
    big = max(room // 78, 1)
    small = max(big * 2 // 3, 1)
    y = top + _pill(canvas, left, top, room, status.state, big, colour) + 4 * big
    if status.level == "good":
        lines = [f"{status.bound}  stratum {status.stratum}"]
    else:
        lines = wrap(status.headline, room // small) if status.headline else []
        lines += [status.progress] if status.progress else []
    for line in lines:
        y = _line(canvas, left, y, room, line, small, WHITE)
    if status.time_known:
        y = _line(canvas, left, y + 6 * big, room, status.day, big, WHITE)
        y = _line(canvas, left, y, room, status.long_date, big, WHITE)
        y += 4 * big
        for zone in zones:
            here = moment(status.served_ns or 0, zone)
            name = zone.rpartition("/")[2].replace("_", " ")
            y = _line(canvas, left, y, room, f"{here.time[:5]} {name}", small, GREY)
    if world.message:
        _banner(canvas, (left, max(y, bottom - 40 * big), right, bottom), world.message, big)
    else:
        _line(canvas, left, max(y, bottom - 9 * small), room, world.name, small, GREY)


def _mask(text: str, room: int, scale: int) -> Image.Image | None:
    text = TEXT.fit(text, room // scale)
    if not text:
        return None
    image = TEXT.render(text)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def _line(canvas: ImageDraw.ImageDraw, x: int, y: int, room: int, text: str, scale: int, ink: int) -> int:
    """One line of text; gives where the next one begins."""
    mask = _mask(text, room, scale)
    if mask is not None:
        canvas.bitmap((x, y), mask, fill=ink)
    return y + 11 * scale


def _centred(canvas: ImageDraw.ImageDraw, x: float, y: float, text: str, scale: int, ink: int, room: int) -> None:
    mask = _mask(text, room, scale)
    if mask is not None:
        canvas.bitmap((round(x - mask.width / 2), round(y)), mask, fill=ink)


def _pill(canvas: ImageDraw.ImageDraw, x: int, y: int, room: int, text: str, scale: int, colour: int) -> int:
    """The state in its colour; as large as the room allows; gives its height."""
    while scale > 1 and (TEXT.width(text) + 8) * scale > room:
        scale -= 1
    mask = _mask(text, room - 8 * scale, scale)
    if mask is None:
        return 0
    height = 13 * scale
    canvas.rounded_rectangle((x, y, x + mask.width + 8 * scale, y + height), radius=2 * scale, fill=colour)
    canvas.bitmap((x + 4 * scale, y + 3 * scale), mask, fill=BLACK)
    return height


def _banner(canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int], text: str, scale: int) -> None:
    """The line that somebody has set, white on red."""
    left, top, right, bottom = box
    lines = wrap(text, (right - left) // scale - 8)[: max((bottom - top) // (11 * scale), 1)]
    height = (len(lines) * 11 + 5) * scale
    canvas.rounded_rectangle((left, bottom - height, right, bottom), radius=2 * scale, fill=RED)
    y = bottom - height + 4 * scale
    for line in lines:
        y = _line(canvas, left + 4 * scale, y, right - left - 8 * scale, line, scale, WHITE)
