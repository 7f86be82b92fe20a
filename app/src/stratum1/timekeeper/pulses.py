# SPDX-License-Identifier: MIT
"""Keeping a source of pulses open: finding it, knowing when to look, starting anew when it has gone.

Asking a PPS device is the only way to learn of a pulse (see pps.pyx), so the next look is set to
shortly after the next pulse is due; with nothing to go by it is a few times a second.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stratum1.pps import Edge, PulseError, device_name, devices, new_edges, open_source

if TYPE_CHECKING:
    from stratum1.pps import PulseSource

MS = 1_000_000
SECOND = 1_000_000_000

LOOK_AFTER_DUE_NS = 2 * MS
"""Interrupt latency and the difference between the predicted and the real pulse fit in this."""
LOOK_AGAIN_NS = (10 * MS, 40 * MS, 100 * MS)
"""Steps of asking again for a pulse that was due; the last is kept up."""
IDLE_LOOK_NS = 250 * MS
IDLE_AFTER_NS = 10 * SECOND
VERIFY_EVERY_NS = 5 * SECOND
REOPEN_EVERY_NS = SECOND
SEARCH_AGAIN_AFTER_NS = 30 * SECOND
"""A line found by itself and silent for so long is looked for anew."""

TRIAL_NS = 5 * SECOND
RATE_TOLERANCE = 500e-6
MOST_PER_SECOND = 16
AUTO = "auto"


class Trial:
    """A device on trial: are its pulses a steady whole number per second?"""

    def __init__(self, source: PulseSource) -> None:
        self.source = source
        self._stamps: deque[tuple[int, int]] = deque(maxlen=MOST_PER_SECOND * 8)

    def look(self) -> None:
        pulse = self.source.fetch()
        if pulse is not None:
            self._stamps.append((pulse.assert_sequence, pulse.assert_ns))

    def forget(self) -> None:
        """What was stamped so far: the clock was stepped."""
        self._stamps.clear()

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


class PulseKeeper:
    """The source named by `device` ("auto": whichever PPS line ticks), kept open.

    `name` is how a person knows the source; `problem` is one line on why there is none, else "".
    by_clear: the clear edge is the second, so that is the one to look for in time.
    `wake_ns` is the monotonic time of the next look, unless a descriptor of `readers` is ready before.
    """

    def __init__(
        self,
        device: str,
        dev: Path,
        sys: Path,
        *,
        by_clear: bool = False,
        opener: Callable[[str], PulseSource] = open_source,
    ) -> None:
        self.device = device
        self._by_clear = by_clear
        self.name = "" if device == AUTO else device
        self.problem = ""
        self.wake_ns = 0
        self.missed = 0
        self._dev = dev
        self._sys = sys
        self._open = opener
        self._source: PulseSource | None = None
        self._trials: list[Trial] = []
        self._trial_since_ns = 0
        self._last_timed: tuple[int, int] | None = None
        self._seen_ns: int | None = None
        self._verify_ns = 0
        self._looks = 0

    @property
    def searching(self) -> bool:
        """Whether there are devices, and none that ticks has been found among them yet."""
        return bool(self._trials)

    def take(self, kernel_ns: int, monotonic_ns: int) -> list[Edge]:
        """Edges that came since the last call, the older first."""
        try:
            if self._source is None and not self._trials:
                if monotonic_ns < self.wake_ns:
                    return []
                self._find(monotonic_ns)
            if self._trials:
                self._try(monotonic_ns)
            if self._source is None:
                return []
            return self._look(self._source, kernel_ns, monotonic_ns)
        except PulseError as gone:
            self.close()
            self.problem = str(gone)
            self.wake_ns = monotonic_ns + REOPEN_EVERY_NS
            return []

    def discard(self) -> None:
        """Forget edges that have come and were not taken: their stamps are of a clock that was stepped since."""
        self._last_timed = None
        for trial in self._trials:
            trial.forget()
        if self._source is not None:
            try:
                while self._source.fetch() is not None:
                    pass
            except PulseError:
                pass  # the next look says so

    def readers(self) -> list[int]:
        fd = self._source.fileno() if self._source is not None else None
        return [] if fd is None else [fd]

    def close(self) -> None:
        for trial in self._trials:
            trial.source.close()
        if self._source is not None:
            self._source.close()
        self._trials = []
        self._source = None
        self._last_timed = None

    def _find(self, monotonic_ns: int) -> None:
        if self.device != AUTO:
            self._settle(self._open(self.device), monotonic_ns)
            return
        sources = []
        problem = f"no PPS device below {self._dev}: is the overlay of the pulse line loaded?"
        for path in devices(self._dev):
            try:
                sources.append(self._open(path))
            except PulseError as gone:
                problem = str(gone)
        if not sources:
            raise PulseError(problem)
        if len(sources) == 1:
            self._settle(sources[0], monotonic_ns)
        else:
            self._trials = [Trial(source) for source in sources]
            self._trial_since_ns = monotonic_ns
            names = ", ".join(device_name(self._sys, source.path) for source in sources)
            self.problem = f"looking for a pulse on {names}"

    def _settle(self, source: PulseSource, monotonic_ns: int) -> None:
        self._source = source
        self._seen_ns = monotonic_ns
        self._verify_ns = monotonic_ns + VERIFY_EVERY_NS
        self._looks = len(LOOK_AGAIN_NS)
        self.name = device_name(self._sys, source.path) if source.fileno() is None else Path(source.path).name
        self.problem = ""

    def _try(self, monotonic_ns: int) -> None:
        """Look at every device on trial; the slowest that ticks steadily is the one."""
        self.wake_ns = monotonic_ns + LOOK_AGAIN_NS[-1]
        rated = []
        for trial in self._trials:
            trial.look()
            rate = trial.rate()
            if rate is not None:
                rated.append((rate, trial))
        slowest, chosen = min(rated, key=lambda one: one[0], default=(0, None))
        # A faster line shows itself earlier; the others have had their time when two more seconds have passed.
        if chosen is not None and (slowest == 1 or monotonic_ns >= self._trial_since_ns + TRIAL_NS + 2 * SECOND):
            for trial in self._trials:
                if trial is not chosen:
                    trial.source.close()
            self._trials = []
            self._settle(chosen.source, monotonic_ns)

    def _look(self, source: PulseSource, kernel_ns: int, monotonic_ns: int) -> list[Edge]:
        edges: list[Edge] = []
        while (pulse := source.fetch()) is not None:
            edges += new_edges(source.previous, pulse)
            if len(edges) >= 2 * MOST_PER_SECOND:
                break
        self.missed += sum(edge.missed for edge in edges)
        timed = [edge for edge in edges if edge.clear == self._by_clear]
        if timed:
            self._looks = 0
            self._seen_ns = monotonic_ns
            self.wake_ns = self._next_due(timed[-1], kernel_ns, monotonic_ns)
        elif monotonic_ns >= self.wake_ns:
            silent = monotonic_ns - (self._seen_ns or 0)
            self.wake_ns = monotonic_ns + self._patience(silent)
            if monotonic_ns >= self._verify_ns:
                self._verify_ns = monotonic_ns + VERIFY_EVERY_NS
                source.verify()
            if self.device == AUTO and silent > SEARCH_AGAIN_AFTER_NS:
                raise PulseError(f"{self.name}: no pulse for {silent // SECOND} s")
        return edges

    def _next_due(self, newest: Edge, kernel_ns: int, monotonic_ns: int) -> int:
        """Monotonic time shortly after the pulse that follows `newest`."""
        period = SECOND
        if self._last_timed is not None:
            count = (newest.sequence - self._last_timed[0]) & 0xFFFFFFFF
            if count:
                period = (newest.stamp_ns - self._last_timed[1]) // count
        self._last_timed = (newest.sequence, newest.stamp_ns)
        period = min(max(period, SECOND // (2 * MOST_PER_SECOND)), SECOND)
        age = max(0, kernel_ns - newest.stamp_ns)
        return monotonic_ns + period - age % period + LOOK_AFTER_DUE_NS

    def _patience(self, silent_ns: int) -> int:
        if silent_ns > IDLE_AFTER_NS:
            return IDLE_LOOK_NS
        step = LOOK_AGAIN_NS[min(self._looks, len(LOOK_AGAIN_NS) - 1)]
        self._looks += 1
        return step
