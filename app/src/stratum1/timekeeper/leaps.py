# SPDX-License-Identifier: MIT
"""What is known of leap seconds to come, and of their not coming: from the receiver, a table, or the kernel's order.

The table is a `leap-seconds.list` (NIST and IERS) or tzdata's `leapseconds`, in the root file system; both say until
when they are complete.  Where two sources contradict each other nothing is known.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from pathlib import Path

from stratum1.receiver.events import LeapNotice
from stratum1.receiver.utc import RELEASED_NS, month_begins
from stratum1.timescale import NS_PER_S
from stratum1.tracking.snapshot import Leap

NTP_EPOCH_S = 2_208_988_800
"""1970-01-01 as the NTP epoch counts it (RFC 5905 section 6)."""

_DAY_NS = 86_400 * NS_PER_S
_TABLES = ("leap-seconds.list", "leapseconds")
_MOST_BYTES = 100_000
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass(frozen=True, slots=True)
class LeapTable:
    """Leap seconds that are announced, by the first instant (UTC ns) after each, and until when there is no other."""

    known_until_ns: int = 0
    leaps: tuple[tuple[int, Leap], ...] = ()

    def next(self, utc_ns: int) -> LeapNotice:
        for at_ns, leap in self.leaps:
            if utc_ns < at_ns < self.known_until_ns:
                return LeapNotice(leap, at_ns)
        return LeapNotice(Leap.NONE)


def load(zoneinfo: Path) -> LeapTable:
    """The table in this folder that is good for longest; an empty one where there is none that can be read."""
    tables = [LeapTable()]
    for name in _TABLES:
        try:
            with (zoneinfo / name).open(encoding="ascii", errors="replace") as file:
                tables.append(parse(file.read(_MOST_BYTES)))
        except (OSError, ValueError, OverflowError):
            continue
    return max(tables, key=lambda table: table.known_until_ns)


def parse(text: str) -> LeapTable:
    """Either format; ValueError when a line is not as it should be.  Leaps before our release are of no interest."""
    until_ns = 0
    leaps: list[tuple[int, Leap]] = []
    tai: int | None = None
    for line in text.splitlines():
        if found := re.match(r"#@\s+(\d{1,12})\b", line):
            until_ns = (int(found[1]) - NTP_EPOCH_S) * NS_PER_S
        elif found := re.match(r"#expires\s+(\d{1,12})\b", line):
            until_ns = int(found[1]) * NS_PER_S
        elif found := re.match(r"(\d{1,12})\s+(\d{1,4})\b", line):
            at_ns, after = (int(found[1]) - NTP_EPOCH_S) * NS_PER_S, int(found[2])
            if tai is not None:
                leaps.append((at_ns, _kind(after - tai)))
            tai = after
        elif line.startswith("Leap"):
            _, year, month, day, _, change, *_ = line.split()
            begins_s = calendar.timegm((int(year), _MONTHS.index(month) + 1, int(day), 0, 0, 0))
            leaps.append(((begins_s + 86_400) * NS_PER_S, _kind(int(change + "1"))))
    return LeapTable(until_ns, tuple(leap for leap in leaps if leap[0] >= RELEASED_NS))


def _kind(change: int) -> Leap:
    if abs(change) != 1:
        raise ValueError(f"{change:+d} s is no leap second")
    return Leap.INSERT if change > 0 else Leap.DELETE


class LeapKnowledge:
    """Puts together what the sources say."""

    def __init__(self, table: LeapTable = LeapTable()) -> None:
        self.table = table
        self.notice = LeapNotice(Leap.NONE)
        """What the receiver said last."""
        self.ordered = LeapNotice(Leap.NONE)
        """What whoever sets the system clock has told the kernel to do at the end of its day."""

    def order(self, leap: Leap, utc_ns: int) -> None:
        """The kernel is told at `utc_ns` to take this leap; what it was told once is remembered until then."""
        midnight = (utc_ns // _DAY_NS + 1) * _DAY_NS
        if leap in (Leap.INSERT, Leap.DELETE) and month_begins(midnight):
            self.ordered = LeapNotice(leap, midnight)

    def now(self, utc_ns: int) -> LeapNotice:
        """The next leap, if one is announced, and until when it is known whether there is one."""
        told, listed = self.notice, self.table.next(utc_ns)
        if not told.at_ns and utc_ns < self.ordered.at_ns:
            told = self.ordered
        known_ns = max(self.notice.known_until_ns, self.table.known_until_ns)
        if told.at_ns:
            denied = told.at_ns < self.table.known_until_ns and (told.at_ns, told.leap) not in self.table.leaps
        else:
            denied = 0 < listed.at_ns < told.known_until_ns
        if denied:
            return LeapNotice(Leap.NONE)
        announced = told if told.at_ns else listed
        return LeapNotice(announced.leap, announced.at_ns, known_ns)
