# SPDX-License-Identifier: MIT
"""An output line looped to a pulse line: when was the edge made, and when does its stamp say it was?

The write of the output takes a while, and the edge lies somewhere in it.  A rising edge raises an
interrupt that may delay the reading of the clock after the write; a falling one raises none where
only asserts are captured, so the falling writes tell how long a write by itself takes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stratum1.discipline import Config, Discipline
from stratum1.pps import PulseSource, new_edges
from stratum1.tracking import State

MS = 1_000_000
SECOND = 1_000_000_000

PULSE_NS = 10 * MS
REST_NS = 30 * MS
WAIT_NS = 200 * MS
"""An edge that has not been stamped by then is lost."""
CABLE_NS_PER_M = 5.0
"""Coaxial cable with a solid dielectric; foam has about 4."""
REPLAYED = 4000


class Pin(Protocol):
    """An output line."""

    def set(self, high: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Toggle:
    """One rising edge: the kernel clock before and after the write, and the stamp of the edge (ns)."""

    before_ns: int
    after_ns: int
    stamp_ns: int


@dataclass(frozen=True, slots=True)
class Measured:
    toggles: list[Toggle]
    write_ns: int
    """What a write takes that disturbs nobody: the median of the falling ones."""
    lost: int
    """Edges without a stamp, or with another's."""

    @property
    def latencies(self) -> list[int]:
        """Stamp minus edge, the edge taken to be in the middle of an undisturbed write (ns)."""
        return sorted(toggle.stamp_ns - toggle.before_ns - self.write_ns // 2 for toggle in self.toggles)

    @property
    def uncertainty_ns(self) -> int:
        """The edge may be anywhere in the write."""
        return (self.write_ns + 1) // 2


def measure(
    pin: Pin,
    source: PulseSource,
    now: Callable[[], int],
    sleep: Callable[[int], None],
    count: int,
    chance: random.Random,
) -> Measured:
    """Toggle `pin` `count` times and fetch the stamps; `now` is CLOCK_REALTIME in ns, `sleep` takes ns.

    The rests are of uneven length, so that nothing periodic in the machine falls on every edge.
    PulseError when the source fails.
    """
    toggles: list[Toggle] = []
    writes: list[int] = []
    lost = 0
    pin.set(False)
    sleep(REST_NS)
    while source.fetch() is not None:
        pass
    for _ in range(count):
        before = now()
        pin.set(True)
        after = now()
        sleep(PULSE_NS)
        falling = now()
        pin.set(False)
        writes.append(now() - falling)
        stamps = _stamps(source, now, sleep, after + WAIT_NS)
        # Of another edge on the line, or of one that we did not make, nothing can be said.
        if len(stamps) == 1 and before <= stamps[0] <= after + WAIT_NS:
            toggles.append(Toggle(before, after, stamps[0]))
        else:
            lost += 1
        sleep(REST_NS + chance.randrange(REST_NS))
    writes.sort()
    return Measured(toggles, writes[len(writes) // 2] if writes else 0, lost)


def _stamps(source: PulseSource, now: Callable[[], int], sleep: Callable[[int], None], until_ns: int) -> list[int]:
    while True:
        stamps: list[int] = []
        while (pulse := source.fetch()) is not None:
            stamps += [edge.stamp_ns for edge in new_edges(source.previous, pulse) if not edge.clear]
        if stamps or now() >= until_ns:
            return stamps
        sleep(2 * MS)


def constant(latencies: Sequence[int], chance: random.Random) -> int:
    """The `pulse.delay_ns` with which the discipline, given pulses as late as these, keeps true time (ns).

    What it makes of a one-sided latency is its own matter, so it is asked: a perfect clock is shown
    pulses with these latencies in random order, and what it then believes the clock's error to be
    is what has to be taken off.
    """
    start = 2_000_000_000 * SECOND
    discipline = Discipline(Config(labels="system"))
    discipline.begin(start - SECOND // 2, SECOND // 2)
    corrections: list[int] = []
    for k in range(1, REPLAYED):
        second = start + k * SECOND
        discipline.edge(k, second + chance.choice(latencies))
        discipline.advance(second + 5 * MS, k * SECOND + SECOND + 5 * MS)
        estimate = discipline.estimate()
        if estimate.state == State.LOCKED and k > REPLAYED // 2:
            corrections.append(estimate.correction_ns)
    if not corrections:
        raise ValueError("these latencies are too wild for the discipline to lock to")
    return -round(sum(corrections) / len(corrections))


def percentile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
