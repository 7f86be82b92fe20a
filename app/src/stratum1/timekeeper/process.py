# SPDX-License-Identifier: MIT
"""`stratum1 timekeeper`: finds the devices that the settings name and turns the loop until told to stop.

One thread, which waits in poll() alone and meets clock and pulses through libc symbols, so that the same
process runs in a simulated clock that stands in for those (docs/timekeeping.md has the command).
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from stratum1 import clock as clocks
from stratum1.discipline import Config, Discipline, StoredDrift
from stratum1.heartbeat import Heartbeat
from stratum1.paths import Paths
from stratum1.settings import Settings, load
from stratum1.timekeeper import leaps, store
from stratum1.timekeeper.keeper import Messages, Timekeeper
from stratum1.timekeeper.pulses import PulseKeeper
from stratum1.timekeeper.suspicion import Suspicions, reasons_to_leave
from stratum1.timekeeper.thermometer import Thermometer
from stratum1.timescale import parse_iso_utc
from stratum1.tracking import SpoofingEvidence, TrackingWriter

USAGE = """usage: stratum1 timekeeper

Keeps time from the pulses and messages that the settings name and publishes it in the tracking page.
Folders: STRATUM1_RUN, STRATUM1_DATA and STRATUM1_ROOT in the environment. It takes no options."""

FAILED = 2
"""What is wrong was said and will not mend itself."""


def say(line: str) -> None:
    print(f"timekeeper: {line}", file=sys.stderr, flush=True)


def config_of(settings: Settings, steers: bool) -> Config:
    """The discipline's part of the settings."""
    return Config(
        delay_ns=settings.pulse.delay_ns,
        edge=settings.pulse.edge,
        labels=settings.timekeeper.labels,
        steers=steers,
        bound_limit_ns=round(settings.timekeeper.bound_limit_ms * 1e6),
        holdover_limit_ns=round(settings.timekeeper.holdover_limit_h * 3600e9),
        serving=settings.timekeeper.serving,
    )


def messages_of(settings: Settings, drift: StoredDrift | None, paths: Paths) -> Messages | None:
    """The stream that labels the seconds, or None when the system clock does."""
    if settings.timekeeper.labels == "system":
        return None
    # Loaded here alone: who labels by the system clock needs no sockets.
    from stratum1.receiver import memory
    from stratum1.receiver.gpsd import GpsdStream
    from stratum1.receiver.several import Receivers
    from stratum1.receiver.utc import RELEASED_NS

    known_past_ns = RELEASED_NS if drift is None else max(RELEASED_NS, drift.saved_ns)
    if settings.receiver.not_before:
        known_past_ns = max(known_past_ns, parse_iso_utc(settings.receiver.not_before + "T00:00:00Z"))
    return Receivers(
        lambda device: GpsdStream("127.0.0.1", settings.receiver.gpsd_port, known_past_ns, device),
        lambda: [found.device for found in memory.load(paths.receiver_answer).found],
    )


def leave_of(settings: Settings) -> SpoofingEvidence:
    """On which evidence of forgery the receiver is left alone."""
    return reasons_to_leave(settings.receiver.on_spoofing, settings.upstream.on_disagreement)


class PageError(Exception):
    """The tracking page cannot be written."""


def _page(paths: Paths) -> TrackingWriter:
    try:
        paths.run.mkdir(parents=True, exist_ok=True)
        return TrackingWriter(paths.tracking)
    except OSError as error:
        raise PageError(f"{error.filename or paths.tracking}: {error.strerror}") from None


class Process:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._stop = False
        self._reload = False
        self._settings = self._load()
        self._drift, problem = store.load(paths.stored_drift)
        if problem:
            say(problem)
        steers = self._settings.timekeeper.steer == "kernel"
        clock: clocks.Clock = clocks.KernelClock() if steers else clocks.FreeClock()
        self._discipline = Discipline(config_of(self._settings, steers))
        self._keeper = Timekeeper(
            clock,
            self._discipline,
            self._pulses(),
            messages_of(self._settings, self._drift, paths),
            _page(paths),
            drift=self._drift,
            save=lambda drift: store.save(paths.stored_drift, drift),
            temperature=Thermometer(paths.sys).read,
            beat=Heartbeat().beat,
            say=say,
            suspicions=Suspicions(self._servers_disagree, leave_of(self._settings)),
            remember_line=lambda line: store.save_line(paths.pulse_memory, line),
            leaps=leaps.LeapKnowledge(leaps.load(paths.zoneinfo)),
            precision=clocks.precision(),
        )

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        while not self._stop:
            if self._reload:
                self._reload = False
                if not self._take_over(self._load()):
                    break
            pause = self._keeper.turn()
            if not self._stop:
                self._keeper.wait(pause)
        self._keeper.leave()
        return 0

    def _take_over(self, settings: Settings) -> bool:
        """Go on with new settings; False when only a new start can take them over."""
        old, self._settings = self._settings, settings
        if settings.timekeeper.steer != old.timekeeper.steer:
            return False
        self._discipline.reconfigure(config_of(settings, settings.timekeeper.steer == "kernel"))
        if (settings.pulse.device, settings.pulse.edge) != (old.pulse.device, old.pulse.edge):
            self._keeper.watch(self._pulses())
        self._keeper.suspicions.leave = leave_of(settings)
        if (settings.timekeeper.labels, settings.receiver.gpsd_port, settings.receiver.not_before) != (
            old.timekeeper.labels,
            old.receiver.gpsd_port,
            old.receiver.not_before,
        ):
            self._keeper.listen_to(messages_of(settings, self._drift, self._paths))
        return True

    def _load(self) -> Settings:
        loaded = load(self._paths.settings)
        if loaded.problem:
            say(loaded.problem)
        return loaded.settings

    def _pulses(self) -> PulseKeeper:
        pulse = self._settings.pulse
        return PulseKeeper(
            pulse.device,
            self._paths.dev,
            self._paths.sys,
            by_clear=pulse.edge == "clear",
            remembered=store.load_line(self._paths.pulse_memory),
        )

    def _servers_disagree(self) -> bool:
        # Loaded here alone: nearly nobody has such servers.
        if not self._paths.upstream_status.exists():
            return False
        from stratum1.upstream import read

        upstream = read(self._paths)
        return upstream is not None and upstream.contradicts

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self._reload = True


def main(argv: list[str]) -> int:
    if argv:
        print(USAGE, file=sys.stdout if argv[0] in ("-h", "--help") else sys.stderr)
        return 0 if argv[0] in ("-h", "--help") else FAILED
    paths = Paths.from_environment()
    try:
        return Process(paths).run()
    except clocks.ClockError as error:
        say(str(error))
        return FAILED
    except PageError as error:
        say(f"{error}; STRATUM1_RUN has to be a folder that may be written")
        return FAILED
