# SPDX-License-Identifier: MIT
"""Keeping a source of pulses open: finding it, knowing when to look, starting anew when it has gone.

Asking a PPS device is the only way to learn of a pulse (see pps.pyx), so the next look is set to
shortly after the next pulse is due; with nothing to go by it is a few times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stratum1.pps import Edge, PulseError, device_name, devices, new_edges, open_source
from stratum1.timekeeper.standby import Standby, Takeover
from stratum1.timekeeper.trial import MOST_PER_SECOND, SECOND, Trial, choose

if TYPE_CHECKING:
    from stratum1.pps import PulseSource

MS = 1_000_000

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

TAKE_OVER_AFTER_NS = 5 * SECOND // 2
"""A line in use that has been silent for so long gives way to one that ticks."""
REMEMBERED_NS = 6 * SECOND
"""So long a line that was the right one the last time may stay silent before all are tried."""
RATE_SPAN_NS = 1000 * SECOND
"""The rate that is told is measured over this or more."""
AUTO = "auto"


class SilenceError(PulseError):
    """The device is there and no pulse comes."""


class PulseKeeper:
    """The source named by `device` ("auto": whichever PPS line ticks), kept open.

    `name` is how a person knows the source, or all that are tried; `problem` is one line on why no pulse comes, or "".
    Once there is a problem it lasts until a pulse has come: a device that is open proves nothing.
    by_clear: the clear edge is the second, so that is the one to look for in time.
    remembered: name of the line that was the right one the last time.
    `wake_ns` is the monotonic time of the next look, unless a descriptor of `readers` is ready before.
    """

    def __init__(
        self,
        device: str,
        dev: Path,
        sys: Path,
        *,
        by_clear: bool = False,
        remembered: str = "",
        opener: Callable[[str], PulseSource] = open_source,
    ) -> None:
        self.device = device
        self._by_clear = by_clear
        self.name = "" if device == AUTO else Path(device).name
        self.problem = ""
        self.wake_ns = 0
        self.missed = 0
        self.change = ""
        """One line on the last change of the line in use, for the log; whoever says it empties it."""
        self._dev = dev
        self._sys = sys
        self._open = opener
        self._remembered = remembered
        self._source: PulseSource | None = None
        self._trials: list[Trial] = []
        self._trial_since_ns = 0
        self._standbys: list[Standby] = []
        self._takeover = Takeover()
        self._rate = RateMeter()
        self._ticked = False
        self._silent = False
        self._last_timed: tuple[int, int] | None = None
        self._seen_ns: int | None = None
        self._verify_ns = 0
        self._looks = 0

    @property
    def searching(self) -> bool:
        """Whether there are devices, and none of them is known to tick."""
        return bool(self._trials) or self._silent

    @property
    def told(self) -> str:
        """The name with the rate that was measured: "GPIO18 (pps0), 1.000000 Hz"."""
        rate = self._rate.hertz
        return f"{self.name}, {rate:.6f} Hz" if rate and self._source is not None else self.name

    @property
    def proven(self) -> str:
        """The name of the line once it has ticked: what is worth remembering."""
        return self.name if self._ticked and self.device == AUTO else ""

    def standing_by(self, kernel_ns: int) -> int:
        """How many other lines could take over at once."""
        return sum(standby.ready(kernel_ns) for standby in self._standbys)

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
            if self._take_over(kernel_ns, monotonic_ns):
                return []
            self.close()
            self.problem = str(gone)
            self._silent = isinstance(gone, SilenceError)
            self.wake_ns = monotonic_ns + REOPEN_EVERY_NS
            return []

    def message(self, arrival_ns: int) -> None:
        """A message about a whole second came: the receiver's line is the one to which messages hold still."""
        for trial in self._trials:
            trial.message(arrival_ns)

    def discard(self) -> None:
        """Forget edges that have come and were not taken: their stamps are of a clock that was stepped since."""
        self._last_timed = None
        self._rate = RateMeter()
        for trial in self._trials:
            trial.forget()
        for standby in self._standbys:
            _drain(standby.source)
            standby.forget()
        if self._source is not None:
            _drain(self._source)

    def readers(self) -> list[int]:
        fd = self._source.fileno() if self._source is not None else None
        return [] if fd is None else [fd]

    def close(self) -> None:
        sources = [trial.source for trial in self._trials] + [standby.source for standby in self._standbys]
        for source in sources + ([] if self._source is None else [self._source]):
            source.close()
        self._trials, self._standbys = [], []
        self._source = None
        self._last_timed = None
        self._ticked = False
        self._rate = RateMeter()
        self._takeover = Takeover()

    # Finding

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
        names = [device_name(self._sys, source.path) for source in sources]
        if len(sources) == 1 or self._remembered in names:
            first = sources[names.index(self._remembered)] if self._remembered in names else sources[0]
            self._settle(first, monotonic_ns, [source for source in sources if source is not first])
            self._remembered = ""  # should it be silent, all are tried
        else:
            self._trials = [Trial(source) for source in sources]
            self._trial_since_ns = monotonic_ns
            self.name = ", ".join(names)
            self.problem = f"looking for a pulse on {self.name}"

    def _settle(self, source: PulseSource, monotonic_ns: int, others: Sequence[PulseSource] = ()) -> None:
        self._source = source
        self._standbys = [Standby(other) for other in others]
        self._seen_ns = monotonic_ns
        self._verify_ns = monotonic_ns + VERIFY_EVERY_NS
        self._looks = len(LOOK_AGAIN_NS)
        self._rate = RateMeter()
        self.name = device_name(self._sys, source.path) if source.fileno() is None else Path(source.path).name
        if self.problem and not self._silent:
            self.problem, self._silent = f"{self.name}: no pulse yet", True

    def _try(self, monotonic_ns: int) -> None:
        """Look at every device on trial."""
        self.wake_ns = monotonic_ns + LOOK_AGAIN_NS[-1]
        for trial in self._trials:
            trial.look()
        chosen = choose(self._trials, monotonic_ns - self._trial_since_ns)
        if chosen is not None:
            others = [trial.source for trial in self._trials if trial is not chosen]
            self._trials = []
            self.problem, self._silent = "", False
            self._settle(chosen.source, monotonic_ns, others)

    # Looking

    def _look(self, source: PulseSource, kernel_ns: int, monotonic_ns: int) -> list[Edge]:
        edges: list[Edge] = []
        while (pulse := source.fetch()) is not None:
            edges += new_edges(source.previous, pulse)
            if len(edges) >= 2 * MOST_PER_SECOND:
                break
        self.missed += sum(edge.missed for edge in edges)
        edges = [self._takeover.passed(edge) for edge in edges]
        timed = [edge for edge in edges if edge.clear == self._by_clear]
        if timed:
            self._looks = 0
            self._seen_ns = monotonic_ns
            self._ticked = True
            self.problem, self._silent = "", False
            self._rate.feed(timed[-1])
            self.wake_ns = self._next_due(timed[-1], kernel_ns, monotonic_ns)
        elif monotonic_ns >= self.wake_ns:
            self._look_for_missing(source, kernel_ns, monotonic_ns)
        self._watch_standbys(edges)
        return edges

    def _look_for_missing(self, source: PulseSource, kernel_ns: int, monotonic_ns: int) -> None:
        silent = monotonic_ns - (self._seen_ns or 0)
        self.wake_ns = monotonic_ns + self._patience(silent)
        if monotonic_ns >= self._verify_ns:
            self._verify_ns = monotonic_ns + VERIFY_EVERY_NS
            source.verify()
        if silent > TAKE_OVER_AFTER_NS and any(standby.ready(kernel_ns) for standby in self._standbys):
            raise SilenceError(f"{self.name}: no pulse")
        patience = SEARCH_AGAIN_AFTER_NS if self._ticked or not self._standbys else REMEMBERED_NS
        if self.device == AUTO and silent > patience:
            # Without how long: it is one state for as long as it lasts, and one line in the log.
            raise SilenceError(f"{self.name}: no pulse comes")

    def _watch_standbys(self, edges: Sequence[Edge]) -> None:
        for standby in self._standbys[:]:
            try:
                for edge in edges:
                    standby.used(edge)
                standby.look()
            except PulseError:
                self._standbys.remove(standby)
                standby.source.close()

    def _take_over(self, kernel_ns: int, monotonic_ns: int) -> bool:
        """Go on with another line in the place of the one in use; False when none is fit."""
        fit = [standby for standby in self._standbys if standby.ready(kernel_ns)]
        before = self._source
        if not fit or before is None:
            return False
        new = fit[0]
        self._takeover.take_over(new)
        others = [standby.source for standby in self._standbys if standby is not new]
        ticked, name = self._ticked, self.name
        self._settle(new.source, monotonic_ns, others)
        self._ticked, self._last_timed = ticked, None
        try:
            before.verify()
            self._standbys.append(Standby(before))
        except PulseError:
            before.close()
        self.change = (
            f"{name} fell silent: pulses are read from {self.name}, as much earlier or later as it was seen to be"
        )
        self.wake_ns = monotonic_ns
        return True

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


class RateMeter:
    """Pulses per second of the kernel clock, over the last quarter of an hour or so."""

    def __init__(self) -> None:
        self._first: Edge | None = None
        self._middle: Edge | None = None
        self.hertz = 0.0
        """0 until ten seconds were seen."""

    def feed(self, edge: Edge) -> None:
        if self._first is None or self._middle is None:
            self._first = self._middle = edge
            return
        span_ns = edge.stamp_ns - self._first.stamp_ns
        if span_ns >= 10 * SECOND:
            self.hertz = ((edge.sequence - self._first.sequence) & 0xFFFFFFFF) * SECOND / span_ns
        if edge.stamp_ns - self._middle.stamp_ns >= RATE_SPAN_NS:
            self._first, self._middle = self._middle, edge


def _drain(source: PulseSource) -> None:
    try:
        while source.fetch() is not None:
            pass
    except PulseError:
        pass  # the next look says so
