# SPDX-License-Identifier: MIT
"""Devices on trial: which of several pulse lines ticks as a receiver does, and stands still against its messages."""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratum1.pps import PulseSource

SECOND = 1_000_000_000

TRIAL_NS = 5 * SECOND
LONG_TRIAL_NS = 40 * SECOND
"""Of lines of one pulse a second that do not belong together: so long the messages are heard before it is judged."""
RATE_TOLERANCE = 500e-6
MOST_PER_SECOND = 16

TOGETHER_NS = 1_000_000
"""Pulses of receivers of the same time lie closer together than this; a cable of 1 km makes 5 us."""

_MESSAGES = 5
"""So many at either end of the long trial are told apart from their own jitter."""


class Trial:
    """A device on trial: are its pulses a steady whole number per second, and do messages follow at a steady time?"""

    def __init__(self, source: PulseSource) -> None:
        self.source = source
        self._stamps: deque[tuple[int, int]] = deque(maxlen=MOST_PER_SECOND * 8)
        self._lags: deque[int] = deque(maxlen=64)

    def look(self) -> None:
        pulse = self.source.fetch()
        if pulse is not None:
            self._stamps.append((pulse.assert_sequence, pulse.assert_ns))

    def message(self, arrival_ns: int) -> None:
        """A message about a whole second came."""
        if self._stamps:
            self._lags.append((arrival_ns - self._stamps[-1][1]) % SECOND)

    def forget(self) -> None:
        """What was stamped so far: the clock was stepped."""
        self._stamps.clear()
        self._lags.clear()

    def rate(self) -> int | None:
        """Pulses per second (1..16) after five steady seconds, else None."""
        recent = [stamp for stamp in self._stamps if 0 <= self._stamps[-1][1] - stamp[1] <= TRIAL_NS + SECOND]
        if len(recent) < 2 or (span := recent[-1][1] - recent[0][1]) < TRIAL_NS - SECOND // 2:
            return None
        count = recent[-1][0] - recent[0][0]
        rate = round(count * SECOND / span)
        if not 1 <= rate <= MOST_PER_SECOND or abs(span * rate / count / SECOND - 1) > RATE_TOLERANCE:
            return None
        for (sequence, stamp), (next_sequence, next_stamp) in itertools.pairwise(recent):
            if abs((next_stamp - stamp) * rate - (next_sequence - sequence) * SECOND) > SECOND // 100:
                return None
        return rate

    @property
    def last_ns(self) -> int:
        """The newest stamp."""
        return self._stamps[-1][1]

    def slide(self) -> float:
        """By how much (ns) messages moved against the pulses since the trial began; inf while too few were heard."""
        if len(self._lags) < 3 * _MESSAGES:
            return float("inf")
        lags = list(self._lags)
        # On the circle of a second, about the first lag.
        turned = [(lag - lags[0] + SECOND // 2) % SECOND - SECOND // 2 for lag in lags]
        return abs(statistics.median(turned[-_MESSAGES:]) - statistics.median(turned[:_MESSAGES]))


def choose(trials: Sequence[Trial], since_ns: int) -> Trial | None:
    """The line to use, or None while that takes longer; `since_ns`: how long the trial has lasted.

    One pulse a second goes before more, as each of them names a second.  Several such lines that belong together are as
    good as each other; if they do not, the one to which the messages hold still is the receiver's.
    """
    rated = [(trial, rate) for trial in trials if (rate := trial.rate()) is not None]
    slowest = min((rate for _, rate in rated), default=0)
    good = [trial for trial, rate in rated if rate == slowest]
    # A faster line shows itself earlier; the others have had their time when two more seconds have passed.
    if not good or (len(good) < len(trials) and since_ns < TRIAL_NS + 2 * SECOND):
        return None
    apart = [(trial.last_ns - good[0].last_ns + SECOND // 2) % SECOND - SECOND // 2 for trial in good]
    if slowest > 1 or max(apart) - min(apart) <= TOGETHER_NS:
        return good[0]
    if since_ns < LONG_TRIAL_NS:
        return None
    return min(good, key=lambda trial: trial.slide())
