# SPDX-License-Identifier: MIT
"""What makes a simulated receiver hard to set up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Quirks:
    """How unwilling a receiver is."""

    refuses: frozenset[str] = frozenset()
    """Orders it has not got: "0631" for a UBX class and id in hex, "285" for a PMTK number."""
    loses_every: int = 0
    """Every so many-th order gets lost on the way; 0 = none."""
    _heard: int = 0

    def lost(self) -> bool:
        self._heard += 1
        return bool(self.loses_every) and self._heard % self.loses_every == 0
