# SPDX-License-Identifier: MIT
"""How stable the served clock and the bare crystal are against the pulses of the receiver."""

from __future__ import annotations

import os
from pathlib import Path

from stratum1.history.allan import PACKED_SIZE, Allan
from stratum1.timescale import NS_PER_S
from stratum1.tracking import Snapshot

LONGEST_GAP_NS = 30 * NS_PER_S
"""For longer than this without a look nobody knows how the crystal was steered meanwhile."""


class Stability:
    """Fed with the snapshots of the timekeeper, one a second; the file at `path` lets it go on after a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.served = Allan()
        """Served clock minus pulse: what the receiver's noise and the discipline leave over."""
        self.crystal = Allan()
        """The same as if nobody had steered: kernel clock minus pulse, less what the steering added."""
        self._steered_ns = 0.0
        self._last: Snapshot | None = None
        self._read()

    def see(self, snapshot: Snapshot, locked: bool) -> None:
        """One look.  A phase is known only while `locked`; the steering is followed all the while."""
        last, self._last = self._last, snapshot
        if last is None or snapshot.steps != last.steps:
            # The crystal's phase is counted from here on; that of the served clock is absolute.
            self._steered_ns = 0.0
            self.crystal.forget()
        else:
            passed = snapshot.kernel_ns - last.kernel_ns
            if not 0 <= passed <= LONGEST_GAP_NS:
                self.crystal.forget()
            self._steered_ns += (last.steering + snapshot.steering) / 2 * passed
        if locked and snapshot.reference_ns:
            # The label is the pulse's own second, however late this look came.
            second = (snapshot.reference_ns + NS_PER_S // 2) // NS_PER_S
            self.served.add(second, snapshot.offset_ns)
            self.crystal.add(second, snapshot.offset_ns - snapshot.correction_ns - self._steered_ns)

    def flush(self) -> None:
        """OSError when it cannot be written."""
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_bytes(self.served.pack() + self.crystal.pack())
        os.replace(new, self._path)

    def _read(self) -> None:
        try:
            raw = self._path.read_bytes()
        except OSError:
            return
        self.served.unpack(raw[:PACKED_SIZE])
        if self.crystal.unpack(raw[PACKED_SIZE:]):
            self.crystal.forget()
