# SPDX-License-Identifier: MIT
"""Who is right: what more than half of the servers allow (the idea of RFC 5905 section 11.2.1, by intervals alone)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Majority:
    """The span from the first to the last point that lies in more than half of the intervals."""

    low_ns: int
    high_ns: int
    count: int
    """Most intervals that have a point in common."""

    @property
    def middle_ns(self) -> int:
        return (self.low_ns + self.high_ns) // 2

    @property
    def error_ns(self) -> int:
        return (self.high_ns - self.low_ns + 1) // 2

    def meets(self, low_ns: int, high_ns: int) -> bool:
        """Whether an interval has a point in common with it."""
        return low_ns <= self.high_ns and high_ns >= self.low_ns


def majority(intervals: Sequence[tuple[int, int]]) -> Majority | None:
    """None when no point lies in more than half of them.

    If more than half of the servers are right, true time is within the span.  It may hold points that fewer allow:
    wider than the truth, never narrower.
    """
    # Where one interval ends and another begins, both hold the point: starts come first.
    edges = sorted([(low, -1) for low, _ in intervals] + [(high, 1) for _, high in intervals])
    low = high = None
    most = depth = 0
    for point, kind in edges:
        if kind < 0:
            depth += 1
            if low is None and 2 * depth > len(intervals):
                low = point
        else:
            if 2 * depth > len(intervals):
                high = point
            depth -= 1
        most = max(most, depth)
    return None if low is None or high is None else Majority(low, high, most)
