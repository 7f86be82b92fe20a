# SPDX-License-Identifier: MIT
"""One or several receivers behind one gpsd: the best is listened to, the others are watched and take over.

gpsd tells its watchers everything of all receivers, and what it repeats of their frames does not say of which; so each
receiver has a connection of its own, for which gpsd keeps the others' reports back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stratum1.receiver.events import Device, Epoch, Event, Gone, Hardware, LeapNotice, Sky, Surveying
from stratum1.receiver.gpsd import GpsdStream
from stratum1.timescale import NS_PER_MS, NS_PER_S

SILENT_NS = 3500 * NS_PER_MS
"""A receiver in use without a fix for so long gives way to one that has one."""
FRESH_NS = 1500 * NS_PER_MS
STEADY_NS = 30 * NS_PER_S
"""A better one is listened to again when it has had a fix for so long."""
LOOK_NS = 5 * NS_PER_S

_LASTING = (Device, Sky, Hardware, Surveying, LeapNotice)
"""What is told once and stays so: told again when a receiver takes over."""


class _Receiver:
    def __init__(self, stream: GpsdStream) -> None:
        self.stream = stream
        self.fix_ns: int | None = None
        self._since_ns = 0
        self._lasting: dict[type[Event], Event] = {}

    def receive(self, now_ns: int) -> list[Event]:
        events = self.stream.receive(now_ns)
        for event in events:
            if (
                isinstance(event, Epoch)
                and event.fix_mode >= 2
                and event.date_plausible
                and event.utc_valid is not False
            ):
                if not self.has_fix(now_ns, SILENT_NS):
                    self._since_ns = now_ns
                self.fix_ns = now_ns
            elif isinstance(event, Gone):
                self.fix_ns = None
            elif isinstance(event, _LASTING):
                self._lasting[type(event)] = event
        return events

    def lasting(self) -> list[Event]:
        return list(self._lasting.values())

    def steady(self, now_ns: int) -> bool:
        return self.has_fix(now_ns, FRESH_NS) and now_ns - self._since_ns >= STEADY_NS

    def has_fix(self, now_ns: int, within_ns: int) -> bool:
        return self.fix_ns is not None and 0 <= now_ns - self.fix_ns <= within_ns


class Receivers:
    """`make` gives the stream of a device ("" = of whatever gpsd has); `found` tells the devices, the best first."""

    def __init__(self, make: Callable[[str], GpsdStream], found: Callable[[], Sequence[str]] = lambda: ()) -> None:
        self._make = make
        self._found = found
        self._devices: tuple[str, ...] = ()
        self._receivers = [_Receiver(make(""))]
        self._used = 0
        self._looked_ns: int | None = None

    def receive(self, now_ns: int) -> list[Event]:
        """What became known of the receiver in use; `now_ns` is CLOCK_REALTIME."""
        # What is found is written before gpsd runs, so whoever looks before each attempt to connect is not late.
        if self._looked_ns is None or not self.readers() or not 0 <= now_ns - self._looked_ns < LOOK_NS:
            self._looked_ns = now_ns
            self._look()
        told = [receiver.receive(now_ns) for receiver in self._receivers]
        taken = self._next(now_ns)
        if taken == self._used:
            return told[self._used]
        # Its epochs of this turn are the first that are told; the other's last words are of no interest.
        self._used = taken
        return [*self._receivers[taken].lasting(), *(event for event in told[taken] if isinstance(event, Epoch))]

    def readers(self) -> list[int]:
        """To be polled for reading."""
        return [fd for receiver in self._receivers if (fd := receiver.stream.fileno()) is not None]

    def writers(self) -> list[int]:
        """To be polled for writing too."""
        wanting = [receiver.stream for receiver in self._receivers if receiver.stream.wants_write]
        return [fd for stream in wanting if (fd := stream.fileno()) is not None]

    def close(self) -> None:
        for receiver in self._receivers:
            receiver.stream.close()

    def _look(self) -> None:
        """One receiver needs no telling apart; a set that has changed is that of a new gpsd."""
        devices = tuple(self._found())
        devices = devices if len(devices) > 1 else ()
        if devices != self._devices:
            self.close()
            self._devices, self._used = devices, 0
            self._receivers = [_Receiver(self._make(device)) for device in devices or ("",)]

    def _next(self, now_ns: int) -> int:
        """Whoever is listened to, until it has lost its fix and another has one, or a better one is steady again."""
        better = [at for at in range(self._used) if self._receivers[at].steady(now_ns)]
        if better:
            return better[0]
        if self._receivers[self._used].has_fix(now_ns, SILENT_NS):
            return self._used
        fit = [at for at, receiver in enumerate(self._receivers) if receiver.has_fix(now_ns, FRESH_NS)]
        return fit[0] if fit else self._used
