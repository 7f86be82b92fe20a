# SPDX-License-Identifier: MIT
"""Which leap is being smeared: known from its announcement until twelve hours after it, also across a restart."""

from __future__ import annotations

import json
from pathlib import Path

from stratum1.timescale import NS_PER_S
from stratum1.tracking import Leap, Snapshot

HALF_NS = 12 * 3600 * NS_PER_S


class SmearPlan:
    """`path` keeps the plan while the machine is up; a restart in the middle of a smear must not be a step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._plan: tuple[int, int] | None = None
        try:
            at, sign = json.loads(path.read_text(encoding="ascii"))
            if type(at) is int and sign in (1, -1):
                self._plan = (at, sign)
        except (OSError, ValueError, TypeError):
            pass  # no plan was kept, or not by us

    def update(self, said: Snapshot | None, utc_ns: int | None) -> tuple[int, int] | None:
        """(UTC ns of the first instant after the leap, +1 inserted or -1 deleted), or None; see smear.pxd.

        `utc_ns` is the served time before smearing, None while it is not known: then nothing changes.
        """
        before = self._plan
        if said is not None and said.state.serves and said.utc_valid and said.leap_at_ns:
            if said.leap is Leap.INSERT:
                self._plan = (said.leap_at_ns, 1)
            elif said.leap is Leap.DELETE:
                self._plan = (said.leap_at_ns, -1)
        if self._plan is not None and utc_ns is not None:
            over = utc_ns >= self._plan[0] + HALF_NS
            if over or self._withdrawn(said, utc_ns):
                self._plan = None
        if self._plan != before:
            self._keep()
        return self._plan

    def _withdrawn(self, said: Snapshot | None, utc_ns: int) -> bool:
        """An announcement taken back before the smear began was a phantom; later it is too late to turn back."""
        assert self._plan is not None
        return said is not None and said.state.serves and said.leap is Leap.NONE and utc_ns < self._plan[0] - HALF_NS

    def _keep(self) -> None:
        try:
            if self._plan is None:
                self._path.unlink(missing_ok=True)
            else:
                self._path.write_text(json.dumps(self._plan), encoding="ascii")
        except OSError:
            pass  # a plan that cannot be kept still holds until the next start
