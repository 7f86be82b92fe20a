# SPDX-License-Identifier: MIT
"""When a receiver that is not heard is looked for anew: it may have been put elsewhere, or talk at another speed."""

from __future__ import annotations

FIRST_S = 60.0
"""A search takes up to half a minute, and a receiver that restarts is silent for some seconds."""
LAST_S = 900.0


class LossWatch:
    """Times are seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._silent_since: float | None = None
        self._patience = FIRST_S

    def look(self, heard: bool, now: float, started: float) -> bool:
        """Whether to begin anew now what was started then; the longer it goes on in vain, the rarer."""
        if heard:
            self.__init__()  # type: ignore[misc]
            return False
        if self._silent_since is None:
            self._silent_since = now
        if now - max(self._silent_since, started) < self._patience:
            return False
        self._silent_since = now
        self._patience = min(2 * self._patience, LAST_S)
        return True
