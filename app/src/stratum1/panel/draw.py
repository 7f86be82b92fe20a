# SPDX-License-Identifier: MIT
"""How the pages look: 1-bit pictures of 128x64 or 128x32 points, the time readable from across a room.

Nothing here decides what is said.
"""

from __future__ import annotations

import functools
import math

from PIL import Image

from stratum1.panel.fonts import LABEL, TEXT
from stratum1.panel.pages import (
    TURN_S,
    AskPage,
    ClockPage,
    CodePage,
    CurvePage,
    ListPage,
    Page,
    SkyPage,
    TextPage,
)
from stratum1.panel.sheet import Sheet, fitting, wrap

MARGIN = 2
"""Rows and columns that every page leaves free, so that it can be moved about."""

_STRONGEST_DBHZ = 52.0
_WEAKEST_DBHZ = 10.0


def picture(size: tuple[int, int], page: Page, shift: tuple[int, int] = (0, 0)) -> Image.Image:
    """The page as a 1-bit image; `shift`, 0..MARGIN in both directions, moves it about against burn-in."""
    sheet = Sheet(size[0] - MARGIN, size[1] - MARGIN)
    small = sheet.height < 60
    match page:
        case ClockPage():
            small_clock(sheet, page) if small else clock(sheet, page)
        case CodePage():
            code(sheet, page)
        case SkyPage():
            small_sky(sheet, page) if small else sky(sheet, page)
        case CurvePage():
            curve(sheet, page)
        case ListPage():
            rows(sheet, page)
        case TextPage():
            text(sheet, page)
        case AskPage():
            ask(sheet, page)
    image = Image.new("1", size)
    image.paste(sheet.image, shift)
    return image


def urgent_rows(size: tuple[int, int]) -> tuple[int, int]:
    """First row of the time and the row behind its last, wherever the page is moved to."""
    return (14, 40 + MARGIN) if size[1] >= 64 else (10, 32)


def clock(sheet: Sheet, page: ClockPage) -> None:
    taken = sheet.pill(0, 0, page.state, sheet.width, page.good)
    sheet.badges(2, sheet.width - taken - 5, page.satellites, page.stratum)
    sheet.time(14, 26, page.time)
    sheet.pair(44, *page.middle)
    sheet.pair(54, *page.bottom)


def small_clock(sheet: Sheet, page: ClockPage) -> None:
    """The clock on 30 rows: one line of text, the time below, two short facts beside it."""
    if page.turn != page.state and TEXT.width(page.state) + 5 + TEXT.width(page.turn) <= sheet.width:
        sheet.pair(0, page.state, page.turn)
    else:
        sheet.text(0, 0, page.turn, sheet.width)
    sheet.time(10, 20, page.time)
    sheet.right(sheet.width, 11, f"S{page.stratum}", 26)
    taken = sheet.right(sheet.width, 22, page.satellites.partition("/")[0], 18)
    sheet.satellite(sheet.width - taken - 9, 22)


@functools.lru_cache(maxsize=2)
def modules(url: str) -> tuple[str, ...]:
    """The QR code of `url`, rows of # and dots; host and scheme do not mind capitals, which need fewer modules."""
    import qrcodegen

    found = qrcodegen.QrCode.encode_text(url.upper(), qrcodegen.QrCode.Ecc.LOW)
    size = range(found.get_size())
    return tuple("".join("#" if found.get_module(x, y) else "." for x in size) for y in size)


def code(sheet: Sheet, page: CodePage) -> None:
    pattern = modules(page.url)
    size = min(max(len(pattern) * 2 + 6, 50), sheet.height)
    if sheet.height < 60:
        size = min(len(pattern) + 4, sheet.height)
    sheet.code(sheet.width - size, (sheet.height - size) // 2, size, pattern)
    room = sheet.width - size - 4
    lines = [line for item in page.texts for line in wrap(item, room)]
    y = 0
    for line in lines:
        if y + 9 > sheet.height:
            return
        sheet.text(0, y, line, room)
        y += 9
    below = [(line, font) for item in page.labels for font in (fitting(item, room),) for line in wrap(item, room, font)]
    y = max(y + 4, sheet.height - sum(font.height + 2 for _, font in below) + 2)
    for line, font in below:
        if y + font.height > sheet.height:
            return
        sheet.text(0, y, line, room, font)
        y += font.height + 2


def sky(sheet: Sheet, page: SkyPage) -> None:
    sheet.title(page.title, page.right)
    radius, centre = 24, (24, 37)
    sheet.draw.ellipse((0, 13, 48, 61), outline=255)
    for degrees in range(0, 360, 30):  # the circle of 45 degrees, hinted at
        x, y = _place(45, degrees, radius, centre)
        sheet.draw.point((x, y), fill=255)
    sheet.draw.point([(24, 37), (24, 14), (24, 15)], fill=255)
    for elevation, azimuth, used in page.dots:
        x, y = _place(elevation, azimuth, radius - 3, centre)
        if used:
            sheet.draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill=255)
        else:
            sheet.draw.point([(x, y - 1), (x - 1, y), (x + 1, y), (x, y + 1)], fill=255)
    bars(sheet, page, 54, 13, 51)
    sheet.text(54, 54, page.text, sheet.width - 54, fitting(page.text, sheet.width - 54))


def small_sky(sheet: Sheet, page: SkyPage) -> None:
    sheet.pair(0, page.text, page.right)
    bars(sheet, page, 0, 10, sheet.height - 1)


def bars(sheet: Sheet, page: SkyPage, left: int, top: int, bottom: int) -> None:
    """One bar for each satellite that is heard; filled when it is used."""
    room = sheet.width - left
    wide = 5 if len(page.bars) * 6 <= room else 3
    x = left
    sheet.draw.line((left, bottom, sheet.width - 1, bottom), fill=255)
    for cn0, used in page.bars:
        if x + wide > sheet.width:
            return
        share = min(max((cn0 - _WEAKEST_DBHZ) / (_STRONGEST_DBHZ - _WEAKEST_DBHZ), 0.0), 1.0)
        height = max(round(share * (bottom - top)), 1)
        box = (x, bottom - height, x + wide - 1, bottom)
        sheet.draw.rectangle(box, fill=255 if used else 0, outline=255)
        x += wide + 1


def _place(elevation: float, azimuth: float, radius: int, centre: tuple[int, int]) -> tuple[int, int]:
    """Where a satellite stands on the sky plot: the zenith in the middle, north up, east to the right."""
    distance = radius * (90 - min(max(elevation, 0.0), 90.0)) / 90
    angle = math.radians(azimuth % 360)
    return round(centre[0] + distance * math.sin(angle)), round(centre[1] - distance * math.cos(angle))


def curve(sheet: Sheet, page: CurvePage) -> None:
    sheet.title(page.title, page.right)
    small = sheet.height < 60
    top, bottom = (10, 20) if small else (12, 30)
    sparkline(sheet, page.values, top, bottom)
    if small:
        sheet.row(22, *page.rows[0])
        return
    half = sheet.width // 2
    for index, (label, value) in enumerate(page.rows[:4]):
        x, y = (index % 2) * (half + 3), 33 + index // 2 * 15
        sheet.text(x, y, label.upper(), half - 3, LABEL)
        sheet.text(x, y + 6, value, half - 3, fitting(value, half - 3))


def sparkline(sheet: Sheet, values: tuple[int, ...], top: int, bottom: int) -> None:
    """The values as one point column each about a dotted zero line, scaled to the largest."""
    middle = (top + bottom) // 2
    for x in range(0, sheet.width, 4):
        sheet.draw.point((x, middle), fill=255)
    shown = values[-sheet.width :]
    reach = max((abs(value) for value in shown), default=0)
    if not reach:
        return
    half = (bottom - top) / 2
    start = sheet.width - len(shown)
    points = [(start + x, round(middle - value / reach * half)) for x, value in enumerate(shown)]
    sheet.draw.line(points, fill=255) if len(points) > 1 else sheet.draw.point(points, fill=255)


def rows(sheet: Sheet, page: ListPage) -> None:
    sheet.title(page.title, page.right)
    y, step = (10, 10) if sheet.height < 60 else (12, 10)
    for label, value in page.rows:
        if y + 8 > sheet.height:
            return
        sheet.row(y, label, value)
        y += step


def text(sheet: Sheet, page: TextPage) -> None:
    sheet.title(page.title, page.right)
    top, step = (10, 10) if sheet.height < 60 else (12, 10)
    size = (sheet.height - top) // step
    lines = wrap(page.text, sheet.width)
    screens = max(math.ceil(len(lines) / size), 1)
    first = page.second // TURN_S % screens * size
    for index, line in enumerate(lines[first : first + size]):
        sheet.text(0, top + index * step, line, sheet.width)


def ask(sheet: Sheet, page: AskPage) -> None:
    sheet.title(page.title, "")
    small = sheet.height < 60
    sheet.pill(0, 10 if small else 16, page.choice, sheet.width, True)
    sheet.text(0, 22 if small else 34, page.hint, sheet.width)
    if page.fraction > 0 and not small:
        sheet.draw.rectangle((0, 50, sheet.width - 1, 58), outline=255)
        sheet.draw.rectangle((2, 52, 2 + round((sheet.width - 5) * min(page.fraction, 1.0)), 56), fill=255)
