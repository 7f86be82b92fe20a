# SPDX-License-Identifier: MIT
"""The panel process: one picture for each second, drawn beforehand, sent on the second."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from stratum1.heartbeat import Heartbeat
from stratum1.panel.bus import gone
from stratum1.panel.draw import picture, urgent_rows
from stratum1.panel.glass import Glass, Picture
from stratum1.panel.sources import Sources
from stratum1.paths import Paths
from stratum1.settings import Settings, load
from stratum1.timescale import NS_PER_MS, NS_PER_S
from stratum1.tracking import TrackingReader

# A frame is drawn this long before its second; a Pi Zero 2 needs about 15 ms for it.
_DRAW_AHEAD_NS = 80 * NS_PER_MS
# A frame later than this shows a second that is over: it is thrown away.
_TOO_LATE_NS = 300 * NS_PER_MS
_LOOK_AGAIN_NS = 5 * NS_PER_S
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Clock(Protocol):
    def now(self) -> int:
        """Served UTC (ns), or the kernel's where nothing is served."""

    def wait(self, ns: int) -> int | None:
        """Sleep for `ns`; the number of a signal that came meanwhile, or None."""


class ServedClock:
    """The time that the box serves, with the process's signals as the only thing that ends a sleep early."""

    def __init__(self, reader: TrackingReader, kernel: Callable[[], int]) -> None:
        self._reader = reader
        self._kernel = kernel

    def now(self) -> int:
        served = self._reader.now()
        return self._kernel() if served is None else served[0]

    def wait(self, ns: int) -> int | None:
        came = signal.sigtimedwait(_SIGNALS, max(ns, 0) / NS_PER_S)
        return None if came is None else came.si_signo


class Panel:
    """The loop; what it needs is handed in: a clock, the sources of what is shown, and where panels are found."""

    def __init__(
        self,
        clock: Clock,
        sources: Sources,
        find: Callable[[Settings], Glass],
        load_settings: Callable[[], Settings],
        beat: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._sources = sources
        self._find = find
        self._load = load_settings
        self._beat = beat
        self._say = say
        self._settings = load_settings()
        self._glass: Glass | None = None
        self._look_at = 0
        self._said = ""

    def run(self) -> int:
        """Turn until SIGTERM or SIGINT; gives the exit status."""
        shown = 0
        while True:
            self._beat()
            now = self._clock.now()
            target = (now // NS_PER_S + 1) * NS_PER_S
            if target == shown:
                target += NS_PER_S  # it was sent a little ahead of its time
            came = self._clock.wait(target - _DRAW_AHEAD_NS - now)
            if came is None:
                came = self._frame(target)
            if came == signal.SIGHUP:
                self._reload()
            elif came is not None:
                self._drop()
                return 0
            shown = target

    def _frame(self, target: int) -> int | None:
        """Draw and show the second that begins at `target`; a signal's number when one came."""
        glass = self._glass or self._look(target)
        if glass is None:
            return None
        page = self._sources.page(target, self._settings)
        try:
            lead = glass.prepare(picture(glass.size, page), urgent_rows(glass.size))
            left = target - lead - self._clock.now()
            if left > 2 * _DRAW_AHEAD_NS:
                return None  # the clock was set back meanwhile: this is no longer the next second
            if left > 0:
                came = self._clock.wait(left)
                if came is not None:
                    return came
            if self._clock.now() - target < _TOO_LATE_NS:
                glass.send()
        except OSError as error:
            self._tell(f"panel lost: {glass.name}: {gone(error)}")
            self._drop()
            self._look_at = target + NS_PER_S
        return None

    def _look(self, now: int) -> Glass | None:
        """Try to find a panel, now and then."""
        if now < self._look_at <= now + _LOOK_AGAIN_NS:
            return None
        self._look_at = now + _LOOK_AGAIN_NS
        try:
            self._glass = self._find(self._settings)
        except OSError as error:
            self._tell(str(error))
            return None
        self._tell(f"panel found: {self._glass.name}")
        return self._glass

    def _tell(self, text: str) -> None:
        """Say a thing once, however often it is found to be so."""
        if text != self._said:
            self._say(text)
            self._said = text

    def _reload(self) -> None:
        new = self._load()
        if new.panel != self._settings.panel:
            self._drop()
            self._look_at = 0
        self._settings = new

    def _drop(self) -> None:
        if self._glass is not None:
            self._glass.close()
            self._glass = None


def find_glass(paths: Paths, settings: Settings) -> Glass:
    """The panel that the settings ask for; OSError with one line when there is none."""
    wanted = settings.panel
    if wanted.device == "picture":
        return Picture(paths.panel_picture, wanted.height, wanted.rotate)
    # Only here: luma's drivers are not needed for a picture.
    from stratum1.panel.oled import NoPanelError, find

    if wanted.device == "none":
        raise NoPanelError("no panel: panel.device is none in the settings")
    return find(paths.dev, wanted.controller, wanted.height, wanted.rotate)


def main(argv: Sequence[str] = ()) -> int:
    """`stratum1 panel`: runs until SIGTERM; SIGHUP reads the settings anew."""
    if argv:
        print("stratum1 panel: takes no arguments; what it shows is set in the settings", file=sys.stderr)
        return 2
    import time

    paths = Paths.from_environment()
    # Blocked, so that they are taken by the sleep alone and never tear a transfer on the bus.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def load_settings() -> Settings:
        loaded = load(paths.settings)
        if loaded.problem:
            say(loaded.problem)
        return loaded.settings

    reader = TrackingReader(paths.tracking)
    panel = Panel(
        clock=ServedClock(reader, time.time_ns),
        sources=Sources(paths, reader),
        find=lambda settings: find_glass(paths, settings),
        load_settings=load_settings,
        beat=Heartbeat().beat,
        say=say,
    )
    return panel.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
