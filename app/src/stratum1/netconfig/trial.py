# SPDX-License-Identifier: MIT
"""A changed network is on trial: unless somebody confirms it within a minute, the former one comes back.

The network that was last confirmed lies on the data partition and is the one that a start sets up; only a trial,
which is noted in RAM, puts another in its place.  So a power cut in the middle of a trial ends it, too.  All times
are seconds of CLOCK_MONOTONIC, which every process of this machine shares.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from stratum1 import safefile
from stratum1.paths import Paths
from stratum1.settings import Settings, SettingsError, load, save
from stratum1.settings.network import Network

TRIAL_S = 60.0
NOBODY = "Nobody confirmed the new network settings within {seconds:.0f} s: the former ones are in force again."
RESTARTED = "The box was restarted before the new network settings were confirmed: the former ones are in force again."
ASKED = "The former network settings are in force again."


@dataclass(frozen=True, slots=True)
class Trial:
    mark: str
    """Names this trial, so that a late confirmation does not count for another."""
    until: float
    wanted: Network


class Trials:
    """What is kept, what is tried; the supervisor turns it, the `apply` command reads it."""

    def __init__(self, paths: Paths, say: Callable[[str], None], trial_s: float = TRIAL_S) -> None:
        self._paths = paths
        self._say = say
        self._trial_s = trial_s
        self._kept = _Seen(paths.network_kept, _network)
        self._trial = _Seen(paths.network_run / "trial.json", _trial)
        self._refused: Network | None = None
        self.said = ""
        """What became of the last trial, if that was not what its author wanted."""

    def turn(self, now: float, settings: Settings) -> None:
        """Take notice of a change of the settings, and of the end of a trial; OSError when nothing can be stored."""
        wanted, kept, trial = settings.network, self.kept(), self.trial()
        started = self._mark_start()
        if kept is None or wanted == kept:
            self._refused = None
            if kept is None:
                self._keep(wanted)
            if trial is not None:
                self._end()
            return
        if wanted == self._refused:
            return  # the settings could not be put back, but what was tried is over all the same
        if trial is None and started:
            self._back(wanted, RESTARTED)
        elif trial is None or trial.wanted != wanted:
            self._begin(now, wanted)
        elif now >= trial.until:
            self._back(wanted, NOBODY.format(seconds=self._trial_s))

    def confirm(self, mark: str) -> bool:
        """Whether `mark` is the trial's; then what is tried stays."""
        trial = self.trial()
        if trial is None or trial.mark != mark:
            return False
        self._keep(trial.wanted)
        self._end()
        self._say("the new network settings are confirmed")
        return True

    def back(self) -> None:
        """End the trial; what was last confirmed is put into the settings, OSError when it cannot be stored."""
        trial = self.trial()
        if trial is not None:
            self._back(trial.wanted, ASKED)

    def _back(self, refused: Network, why: str) -> None:
        self._refused = refused
        self._end()
        self.said = why
        self._say(why)
        kept = self.kept()
        if kept is not None:
            save(self._paths.settings, dataclasses.replace(load(self._paths.settings).settings, network=kept))
        self._refused = None

    def in_force(self, settings: Settings) -> Network:
        """What the machine's network is to be now."""
        trial = self.trial()
        return trial.wanted if trial is not None else self.kept() or settings.network

    def kept(self) -> Network | None:
        """What was last confirmed; None when nothing ever was, and then whatever is set counts."""
        return self._kept.look()

    def trial(self) -> Trial | None:
        return self._trial.look()

    def as_dict(self) -> dict[str, Any]:
        """For those who show it; without any secret."""
        trial = self.trial()
        shown = None if trial is None else {"mark": trial.mark, "until": trial.until}
        return {"trial": shown, "trial_s": self._trial_s, "said": self.said}

    def _begin(self, now: float, wanted: Network) -> None:
        trial = {"mark": os.urandom(8).hex(), "until": now + self._trial_s, "wanted": dataclasses.asdict(wanted)}
        safefile.replace(self._paths.network_run / "trial.json", json.dumps(trial).encode())
        self.said = ""
        self._say(f"new network settings are tried for {self._trial_s:.0f} s, unless they are confirmed")

    def _end(self) -> None:
        (self._paths.network_run / "trial.json").unlink(missing_ok=True)

    def _keep(self, network: Network) -> None:
        safefile.replace(self._paths.network_kept, json.dumps(dataclasses.asdict(network)).encode())
        self.said = ""

    def _mark_start(self) -> bool:
        """Whether this is the first look since the machine was started."""
        self._paths.network_run.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = self._paths.network_run / "started"
        if mark.exists():
            return False
        mark.touch()
        return True


def left_s(status: dict[str, Any], now: float | None = None) -> float | None:
    """Seconds that the trial in `status` (as_dict) still has; None while nothing is tried."""
    trial = status.get("trial")
    if not isinstance(trial, dict) or not isinstance(trial.get("until"), int | float):
        return None
    return max(0.0, float(trial["until"]) - (time.monotonic() if now is None else now))


def _network(table: object) -> Network | None:
    if not isinstance(table, dict) or not table:
        return None
    try:
        return Settings.from_tables({"network": table}).network
    except SettingsError:
        return None


def _trial(found: object) -> Trial | None:
    if not isinstance(found, dict):
        return None
    wanted, until, mark = _network(found.get("wanted")), found.get("until"), found.get("mark")
    if wanted is None or not isinstance(until, int | float) or not isinstance(mark, str):
        return None
    return Trial(mark, float(until), wanted)


Read = TypeVar("Read")


class _Seen(Generic[Read]):
    """What a JSON file says, read again only when it has changed: it is looked at every second."""

    def __init__(self, path: Path, parse: Callable[[object], Read | None]) -> None:
        self._path = path
        self._parse = parse
        self._stamp: tuple[int, int, int] | None = None
        self._content: Read | None = None

    def look(self) -> Read | None:
        """None when it is missing, damaged or bad."""
        try:
            found = self._path.stat()
            stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
            if stamp != self._stamp:
                self._content = self._parse(json.loads(self._path.read_bytes()))
                self._stamp = stamp
        except (OSError, ValueError):
            self._stamp = self._content = None
        return self._content
