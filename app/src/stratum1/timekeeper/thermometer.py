# SPDX-License-Identifier: MIT
"""The temperature near the oscillator, as far as the machine can tell it."""

from __future__ import annotations

import os
from pathlib import Path

READ_EVERY_NS = 5_000_000_000
PLAUSIBLE_MC = range(-60_000, 150_000)


class Thermometer:
    """The thermal zone of the processor below `sys`, or another zone, or none; read every 5 s at most."""

    def __init__(self, sys: Path) -> None:
        self._fd: int | None = None
        self._value: int | None = None
        self._due_ns: int | None = None
        path = _best_zone(sys / "class" / "thermal")
        if path is not None:
            try:
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self._fd = None

    def read(self, monotonic_ns: int) -> int | None:
        """Millidegrees Celsius; None when nobody knows."""
        if self._fd is None or (self._due_ns is not None and monotonic_ns < self._due_ns):
            return self._value
        self._due_ns = monotonic_ns + READ_EVERY_NS
        try:
            value = int(os.pread(self._fd, 32, 0))
        except (OSError, ValueError):
            self._value = None
        else:
            self._value = value if value in PLAUSIBLE_MC else None
        return self._value

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _best_zone(folder: Path) -> Path | None:
    """The file to read of the zone that is the processor's, else of the first zone."""
    try:
        zones = sorted(entry for entry in folder.iterdir() if entry.name.startswith("thermal_zone"))
    except OSError:
        return None
    for zone in zones:
        try:
            kind = (zone / "type").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if "cpu" in kind or "soc" in kind or "pkg" in kind:
            return zone / "temp"
    return zones[0] / "temp" if zones else None
