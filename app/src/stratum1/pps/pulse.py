# SPDX-License-Identifier: MIT
"""What a source of pulses is and gives.

A source is asked and never waits: poll() on a PPS device says "ready" at any time on many kernels,
so who waits knows when the next pulse is due and asks then.  A device that cannot be read comes out
as PulseError, whose text is for a person; opening it again is the caller's matter.
"""

from __future__ import annotations

import errno
import os
from typing import NamedTuple, Protocol


class PulseError(Exception):
    """The source cannot be read (any more); the text says which and why."""


class Pulse(NamedTuple):
    """The newest edges of a source; sequences count modulo 2**32, instants are CLOCK_REALTIME in ns.

    A source that captures no clear edges leaves clear_sequence at 0.
    """

    assert_sequence: int
    assert_ns: int
    clear_sequence: int
    clear_ns: int


class Edge(NamedTuple):
    """One edge that had not been seen before."""

    sequence: int
    stamp_ns: int
    clear: bool
    missed: int
    """Edges of this kind that came between this one and the last one seen."""


def new_edges(before: Pulse | None, now: Pulse) -> list[Edge]:
    """The edges of `now` that `before` had not, the older first; before=None: nothing was seen yet."""
    if before is None:
        before = Pulse(
            (now.assert_sequence - 1) & 0xFFFFFFFF, 0, now.clear_sequence - 1 if now.clear_sequence else 0, 0
        )
    edges = []
    if now.assert_sequence != before.assert_sequence:
        edges.append(
            Edge(now.assert_sequence, now.assert_ns, False, _missed(before.assert_sequence, now.assert_sequence))
        )
    if now.clear_sequence != before.clear_sequence:
        edges.append(Edge(now.clear_sequence, now.clear_ns, True, _missed(before.clear_sequence, now.clear_sequence)))
    if len(edges) == 2 and edges[1].stamp_ns < edges[0].stamp_ns:
        edges.reverse()
    return edges


def _missed(before: int, now: int) -> int:
    """0 as well when the count went back: then the source began anew and nobody knows."""
    ahead = (now - before) & 0xFFFFFFFF
    return ahead - 1 if 0 < ahead < 0x80000000 else 0


def why(number: int) -> str:
    """An errno of a source, for a person."""
    return _WHY.get(number) or os.strerror(number)


_WHY = {
    errno.ENOENT: "no such device",
    errno.ENODEV: "the device has gone",
    errno.ENXIO: "the device has gone",
    errno.EIO: "the device has gone",
    errno.EACCES: "no permission to read it",
    errno.EPERM: "no permission to read it",
    errno.ENOTTY: "is no PPS device",
    errno.EINVAL: "is no PPS device",
    errno.ECONNREFUSED: "nobody sends pulses there",
}


class PulseSource(Protocol):
    """One of KernelPulses, ClockPulses and SocketPulses."""

    @property
    def path(self) -> str: ...

    @property
    def captures_clear(self) -> bool: ...

    @property
    def previous(self) -> Pulse | None:
        """What fetch() gave, or learned, before what it gave last."""

    def fetch(self) -> Pulse | None:
        """The newest edges, or the next ones, that had not been given yet; None: none; never waits; PulseError."""

    def verify(self) -> None:
        """To be asked when pulses stay away: PulseError when the source is not what it was opened as."""

    def fileno(self) -> int | None:
        """To wait on until there is something to fetch; None where the owner has to know when to ask."""

    def close(self) -> None: ...
