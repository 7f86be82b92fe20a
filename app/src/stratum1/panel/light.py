# SPDX-License-Identifier: MIT
"""How bright the panel is, and where its picture lies: both spare the glass, which fades where it is lit."""

from __future__ import annotations

from stratum1.panel.draw import MARGIN
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_S
from stratum1.words import Status

_AWAKE_NS = 15 * NS_PER_S
_SHIFT_S = 180


def level(settings: Settings, status: Status, idle_ns: int) -> int:
    """Brightness 0..255; `idle_ns` is the time since a button was pressed, or since the panel came up.

    At night the panel is dark until a button or an alarm wakes it; by day it dims when nobody has touched it.
    """
    panel = settings.panel
    touched = idle_ns < _AWAKE_NS
    if panel.night and status.time_known and within(panel.night, status.time) and not touched:
        return panel.brightness if status.level == "alarm" else 0
    dim = panel.dim_after_s * NS_PER_S
    if dim and idle_ns >= dim and status.level != "alarm":
        return max(panel.brightness // 4, 1)
    return panel.brightness


def within(span: str, time: str) -> bool:
    """Whether `time` (HH:MM:SS) lies in `span` (HH:MM-HH:MM), which may pass midnight."""
    start, _, end = span.partition("-")
    now = time[:5]
    return start <= now < end if start <= end else now >= start or now < end


def shift(second: int) -> tuple[int, int]:
    """Where the picture lies now; it walks over all places, a point at a time.

    It moves in the middle of a minute: a full hour, where all digits change, has the bus to itself.
    """
    side = MARGIN + 1
    step = (second + _SHIFT_S // 2) // _SHIFT_S % (2 * side * side)
    step = min(step, 2 * side * side - 1 - step)  # there and back
    row, column = divmod(step, side)
    return (column if row % 2 == 0 else MARGIN - column), row
