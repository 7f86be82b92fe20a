# SPDX-License-Identifier: MIT
"""The loop's body: pulses and messages into the discipline, its orders to the clock, its estimate to the page."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from stratum1.discipline import Discipline, Estimate, StoredDrift
from stratum1.receiver.events import Epoch, Event, Gone, LeapNotice, Sawtooth
from stratum1.timekeeper.health import Health
from stratum1.timekeeper.leaps import LeapKnowledge
from stratum1.timekeeper.pulses import PulseKeeper
from stratum1.timekeeper.suspicion import Suspicions
from stratum1.tracking.snapshot import Leap, Reason, Snapshot, State

if TYPE_CHECKING:
    from stratum1.clock import Clock

SECOND = 1_000_000_000

TICK_NS = SECOND + 20_000_000
"""Longer than the time between two pulses, so that a pulse is what usually makes the second turn."""
SAVE_EVERY_NS = 600 * SECOND
"""Rarely enough to spare the card."""
SAVE_FIRST_NS = 60 * SECOND
"""Until something has been saved it is tried this often, so that an early power cut loses little."""
RIVAL_EVERY_NS = 3600 * SECOND
TAI_MINUS_GPS_S = 19
FIX = 2
"""Lowest TPV.mode that is a fix."""

# The kernel takes a leap at its next midnight; the estimate announces one in the last day alone.
_KERNEL_LEAP = {Leap.INSERT: 1, Leap.DELETE: -1, Leap.NONE: 0, Leap.UNKNOWN: 0}

_ARMED = {1: Leap.INSERT, -1: Leap.DELETE}

_FROM_ESTIMATE = [field.name for field in dataclasses.fields(Estimate)]


class Messages(Protocol):
    """A receiver's stream; receiver.several.Receivers is one."""

    def readers(self) -> list[int]: ...
    def writers(self) -> list[int]: ...
    def receive(self, now_ns: int) -> Iterable[Event]: ...
    def close(self) -> None: ...


class Page(Protocol):
    def write(self, snapshot: Snapshot) -> None: ...


class Timekeeper:
    """Everything is handed in; `say` takes one line for the log, `save` what is to survive a reboot."""

    def __init__(
        self,
        clock: Clock,
        discipline: Discipline,
        pulses: PulseKeeper,
        messages: Messages | None,
        page: Page,
        *,
        drift: StoredDrift | None = None,
        save: Callable[[StoredDrift], None] = lambda drift: None,
        temperature: Callable[[int], int | None] = lambda monotonic_ns: None,
        beat: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        suspicions: Suspicions | None = None,
        remember_line: Callable[[str], None] = lambda line: None,
        leaps: LeapKnowledge | None = None,
        precision: int = -20,
    ) -> None:
        self.pulses = pulses
        self.messages = messages
        self.suspicions = suspicions or Suspicions()
        self._clock = clock
        self._discipline = discipline
        self._page = page
        self._save = save
        self._temperature = temperature
        self._beat = beat
        self._say = say
        self._remember_line = remember_line
        self._line = ""
        self._precision = precision

        self._problem = ""
        self._epoch = Epoch(0, 0)
        self._health = Health()
        self._receiver_problem = ""
        self._leaps = leaps or LeapKnowledge()
        self._leap = LeapNotice(Leap.NONE)
        self._tai_offset = 0

        kernel, monotonic = clock.read()
        discipline.begin(kernel, monotonic, steering=clock.frequency(), drift=drift)
        self._due_ns = monotonic
        self._save_due_ns = monotonic + SAVE_FIRST_NS
        self._rival_said_ns = monotonic - RIVAL_EVERY_NS
        page.write(Snapshot(kernel_ns=kernel, realtime_minus_monotonic_ns=kernel - monotonic, precision=precision))

    def turn(self) -> int:
        """Take what has come, act on it; returns for how long (ns) to wait, unless a descriptor is ready before."""
        kernel, monotonic = self._clock.read()
        edges = self.pulses.take(kernel, monotonic)
        for edge in edges:
            self._discipline.edge(edge.sequence, edge.stamp_ns, clear=edge.clear)
        if self.messages is not None:
            for event in self.messages.receive(kernel):
                self.suspicions.take(event, kernel - monotonic, monotonic)
                self._take(event)
        if edges or monotonic >= self._due_ns:
            self._update()
            self._due_ns = monotonic + TICK_NS
        return max(0, min(self._due_ns, self.pulses.wake_ns) - monotonic)

    def wait(self, timeout_ns: int) -> None:
        """Sleep until the next turn has something to do; a signal ends it too."""
        readers = self.pulses.readers()
        writers: list[int] = []
        if self.messages is not None:
            readers += self.messages.readers()
            writers += self.messages.writers()
        self._clock.wait(readers, writers, timeout_ns)

    def listen_to(self, messages: Messages | None) -> None:
        """Change to another stream, or to none."""
        if self.messages is not None:
            self.messages.close()
        self.messages = messages
        self._forget_receiver()
        if messages is None:
            self._health.forget_device()

    def watch(self, pulses: PulseKeeper) -> None:
        """Change to another source of pulses."""
        self.pulses.close()
        self.pulses = pulses

    def leave(self) -> None:
        """Save what was learned and let go of the devices; the clock keeps its rate."""
        self._store()
        self.pulses.close()
        if self.messages is not None:
            self.messages.close()

    def _take(self, event: Event) -> None:
        self._health.take(event)
        if isinstance(event, Epoch):
            self._message(event)
        elif isinstance(event, LeapNotice):
            self._leaps.notice = event
            self._tell_leaps(self._clock.read()[0])
        elif isinstance(event, Gone):
            self._forget_receiver()
            self._receiver_problem = event.detail
            self._discipline.messages_lost(event.reason)
            if event.detail:
                self._say(event.detail)
        elif isinstance(event, Sawtooth):
            # To be added to the stamp, hence how early; the discipline wants to know how late.
            self._discipline.sawtooth(event.utc_ns, -event.early_ps / 1000.0)

    def _tell_leaps(self, utc_ns: int) -> None:
        """`utc_ns`, by the kernel clock, is wrong before the first lock; what is told then is mended later."""
        if self.messages is None:
            # Where the system clock names the seconds, whoever sets it may have ordered the leap.
            self._leaps.order(_ARMED.get(self._clock.armed(), Leap.NONE), utc_ns)
        last, self._leap = self._leap, self._leaps.now(utc_ns)
        if (self._leap.leap, self._leap.at_ns) != (last.leap, last.at_ns):
            by_kernel = self._clock.steers or self._leap.at_ns == self._leaps.ordered.at_ns != 0
            self._discipline.leap(self._leap.leap, self._leap.at_ns, by_kernel)
        self._discipline.leaps_known(self._leap.known_until_ns)

    def _forget_receiver(self) -> None:
        """What it said of itself is no longer so; its name, leap and TAI data still are."""
        self._receiver_problem = ""
        self._epoch = Epoch(0, 0)
        self._health.forget()

    def _message(self, epoch: Epoch) -> None:
        last, self._epoch = self._epoch, epoch
        self._receiver_problem = ""
        if epoch.leap_seconds is not None:
            self._tai_offset = epoch.leap_seconds + TAI_MINUS_GPS_S
        if not epoch.date_plausible:
            self._discipline.messages_lost(Reason.DATE_IMPLAUSIBLE)
            return
        if self.suspicions.forbid:
            self._discipline.messages_lost(Reason.SPOOFING_SUSPECTED)
            return
        fix = epoch.fix_mode >= FIX
        if fix and epoch.utc_ns % SECOND == 0:
            self.pulses.message(epoch.arrival_ns)
        told = (last.utc_ns, last.arrival_ns, last.fix_mode >= FIX)
        if told != (epoch.utc_ns, epoch.arrival_ns, fix):
            self._discipline.message(epoch.utc_ns, epoch.arrival_ns, fix, epoch.utc_valid)

    def _update(self) -> None:
        if self.pulses.problem != self._problem:
            self._problem = self.pulses.problem
            self._say(self._problem or f"pulses are read from {self.pulses.name}")
        if self.pulses.change:
            self._say(self.pulses.change)
            self.pulses.change = ""
        if self._problem:
            self._discipline.pulses_lost(Reason.NO_PULSE if self.pulses.searching else Reason.NO_PULSE_DEVICE)

        kernel, monotonic = self._clock.read()
        self._tell_leaps(kernel)
        if news := self.suspicions.look(monotonic):
            self._say(news)
        temperature = self._temperature(monotonic)
        order = self._discipline.advance(kernel, monotonic, temperature)
        if self._clock.steers:
            if order.step_ns:
                self._clock.step(order.step_ns)
                self.pulses.discard()
            frequency = self._clock.adjust(order.frequency)
            kernel, monotonic = self._clock.read()
            self._discipline.applied(kernel, frequency, order.step_ns, monotonic)
            if order.step_ns:
                self._say(f"the kernel clock was stepped by {order.step_ns / SECOND:+.9f} s")
        self._publish(kernel, monotonic, temperature)
        if monotonic >= self._save_due_ns:
            self._save_due_ns = monotonic + (SAVE_EVERY_NS if self._store() else SAVE_FIRST_NS)
        self._beat()

    def _publish(self, kernel: int, monotonic: int, temperature: int | None) -> None:
        estimate = self._discipline.estimate()
        values = {name: getattr(estimate, name) for name in _FROM_ESTIMATE}
        if not values["detail"]:
            values["detail"] = self._detail(estimate.reason)
        self._page.write(
            Snapshot(
                **values,
                realtime_minus_monotonic_ns=kernel - monotonic,
                precision=self._precision,
                temperature_mc=temperature,
                fix_mode=self._epoch.fix_mode,
                utc_valid=bool(self._epoch.utc_valid),
                rollovers=self._epoch.rollovers,
                spoofing=self.suspicions.spoofing,
                spoofing_evidence=self.suspicions.evidence,
                tai_offset=self._tai_offset,
                **self._health.fields(),
                standby_pulses=self.pulses.standing_by(kernel),
                pulse_device=self.pulses.told,
            )
        )
        if estimate.state is State.LOCKED and self.pulses.proven not in ("", self._line):
            self._keep_line(self.pulses.proven)
        ours = self._clock.tell(
            estimate.state.serves,
            estimate.bound_ns,
            estimate.jitter_ns,
            _KERNEL_LEAP[estimate.leap],
            self._tai_offset,
        )
        if not ours and monotonic >= self._rival_said_ns + RIVAL_EVERY_NS:
            self._rival_said_ns = monotonic
            self._say("another program steers the kernel clock too: stop it (systemd-timesyncd, chronyd, ntpd)")

    def _keep_line(self, line: str) -> None:
        """Locked to it, hence the right one; a disk that cannot be written is told when the drift is saved."""
        self._line = line
        with contextlib.suppress(OSError):
            self._remember_line(line)

    def _detail(self, reason: Reason) -> str:
        """What a device said about itself, where that is the reason."""
        if reason in (Reason.NO_PULSE, Reason.NO_PULSE_DEVICE):
            return self._problem
        if reason in (Reason.NO_GPSD, Reason.NO_RECEIVER, Reason.NO_MESSAGES):
            return self._receiver_problem
        return ""

    def _store(self) -> bool:
        """Whether there was something to save; what cannot be saved now is tried again as late as what was."""
        drift = self._discipline.drift()
        if drift is None:
            return False
        try:
            self._save(drift)
        except OSError as error:
            self._say(f"the drift cannot be saved: {error}")
        return True
