# SPDX-License-Identifier: MIT
"""A new address of the page is on trial: unless somebody confirms it from there, the old one comes back.

So nobody locks himself out by a typing error.  What the page was before lies in a file until then; the process
that is started at the new address watches over it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from collections.abc import Callable

from stratum1.paths import Paths
from stratum1.settings import Settings, SettingsError, load, save
from stratum1.settings.schema import Web

TRIAL_S = 60.0


class Trial:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self.here = False
        """Whether this process is the one at the new address."""

    @property
    def pending(self) -> Web | None:
        """Where the page was, while the new place is not confirmed."""
        try:
            found = json.loads(self._paths.web_trial.read_bytes())
            return Settings.from_tables({"web": found}).web
        except (OSError, ValueError, SettingsError):
            return None

    def begin(self, old: Web) -> None:
        """To be called before the new settings are stored; of several changes in a row the first counts."""
        if self.pending is None:
            self._paths.web_trial.write_text(json.dumps(dataclasses.asdict(old)), encoding="utf-8")

    def confirm(self) -> None:
        with self._lock:
            self.here = False
            self._paths.web_trial.unlink(missing_ok=True)

    def revert(self) -> bool:
        """Put the old address back into the settings; False when there is none to go back to, OSError when it fails."""
        with self._lock:
            old = self.pending
            if old is None:
                return False
            settings = load(self._paths.settings).settings
            save(self._paths.settings, dataclasses.replace(settings, web=old))
            self._paths.web_trial.unlink(missing_ok=True)
            self.here = False
            return True

    def watch(self, after_s: float, back: Callable[[], None]) -> None:
        """Revert and call `back` unless confirmed within `after_s` seconds."""
        self.here = True

        def over() -> None:
            try:
                if self.revert():
                    back()
            except OSError as error:
                print(f"stratum1 web: the address of the page cannot be put back: {error}", file=sys.stderr, flush=True)

        timer = threading.Timer(after_s, over)
        timer.daemon = True
        timer.start()
