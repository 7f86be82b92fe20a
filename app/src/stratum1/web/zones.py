# SPDX-License-Identifier: MIT
"""Time zones as somebody types them."""

from __future__ import annotations

import zoneinfo

MOST_ZONES = 6


def known_zones(text: str) -> tuple[list[str], list[str]]:
    """Zones named in `text`, apart by commas or spaces, and those among them that nobody knows."""
    known: list[str] = []
    unknown: list[str] = []
    for name in dict.fromkeys(text.replace(",", " ").split()):
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            unknown.append(name)
        else:
            known.append(name)
    return known[:MOST_ZONES], unknown
