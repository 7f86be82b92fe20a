# SPDX-License-Identifier: MIT
"""The hat as a process: one loop that sends pulses and sentences when they are due and takes orders in between."""

from __future__ import annotations

import contextlib
import heapq
import random
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stratum1.paths import Paths
from stratum1.simulator.control import ControlServer
from stratum1.simulator.dialect import Dialect
from stratum1.simulator.faults import Faults
from stratum1.simulator.line import PulseLine, SerialLine
from stratum1.simulator.module import Module
from stratum1.simulator.world import World
from stratum1.timescale import NS_PER_MS, NS_PER_S, iso_utc

_PULSE_WIDTH_NS = 100 * NS_PER_MS
_LATE_NS = 500 * NS_PER_MS
"""What is due longer ago than this was slept through (or the clock was stepped), and is left out."""
_BITS_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Timing:
    rate_hz: int = 1
    baud: int = 9600
    lag_ns: int = 150 * NS_PER_MS
    """From the pulse to the first byte of the burst that names it."""


class Hat:
    """`clock` reads the kernel clock in ns."""

    def __init__(
        self,
        paths: Paths,
        world: World,
        module: Module,
        dialect: Dialect,
        timing: Timing,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._world = world
        self._module = module
        self._dialect = dialect
        self._timing = timing
        self._clock = clock
        self._faults = Faults()
        self._serial = SerialLine(paths.hat_serial)
        self._pulses = PulseLine(paths.hat_pulses)
        self._control = ControlServer(paths.hat_control, self.order)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._tickets = 0
        self._next_s: int | None = None
        self._random = random.Random(0)
        self._told = "switched on"

    def plug_in(self) -> None:
        self._serial.connect()
        self._pulses.connect()
        self._module.power(True, self._world.count(self._clock()) / NS_PER_S)

    def close(self) -> None:
        self._serial.disconnect()
        self._pulses.disconnect()
        self._control.close()

    def order(self, request: dict[str, Any]) -> dict[str, Any]:
        """One order from the control socket; ValueError says what is wrong with it."""
        faults = Faults() if request.get("resume") else self._faults
        changes = request.get("set", {})
        if not isinstance(changes, dict):
            raise ValueError("set: want an object of faults")
        self._take(faults.changed(changes))
        return {
            "state": self._told,
            "time": iso_utc(self._world.count(self._clock())),
            "faults": self._faults.told(),
        }

    def run(self, stopped: Callable[[], bool], wake: socket.socket | None = None) -> None:
        """Until `stopped`; readability of `wake` makes it look."""
        while not stopped():
            now = self._clock()
            self._plan(now)
            poller = select.poll()
            fds = [fd for fd in (self._serial.fileno(), self._pulses.fileno()) if fd is not None]
            for fd in (*fds, *self._control.filenos(), *([wake.fileno()] if wake else [])):
                poller.register(fd, select.POLLIN)
            # Rounded up: a pulse is told just after its stamp, never before.
            wait_ms = min(1000, max(0, -((now - self._due[0][0]) // NS_PER_MS)))
            for fd, _ in poller.poll(wait_ms):
                self._ready(fd, wake)
            self._do_what_is_due()

    def _ready(self, fd: int, wake: socket.socket | None) -> None:
        if fd == self._serial.fileno():
            answer = self._dialect.hear(self._serial.read())
            if answer and not self._faults.mute:
                self._serial.write(answer)
        elif fd == self._pulses.fileno():
            self._pulses.accept()
        elif wake is not None and fd == wake.fileno():
            wake.recv(64)
        else:
            self._control.ready(fd)

    def _plan(self, now: int) -> None:
        """Put the coming second on the list, once."""
        second = self._world.count(now) // NS_PER_S + 1
        if self._next_s == second:
            return
        if self._next_s is not None and not 0 <= second - self._next_s <= 2:
            self._due.clear()  # the clock was stepped
        self._next_s = second
        self._at(self._world.kernel(second * NS_PER_S), lambda: self._pulse(second))
        step = NS_PER_S // self._timing.rate_hz
        for tick in range(self._timing.rate_hz):
            start = self._world.kernel(second * NS_PER_S + tick * step + self._timing.lag_ns)
            self._at(start, lambda tick=tick, start=start: self._burst(second, tick, start))  # type: ignore[misc]

    def _at(self, kernel_ns: int, action: Callable[[], None]) -> None:
        self._tickets += 1
        heapq.heappush(self._due, (kernel_ns, self._tickets, action))

    def _do_what_is_due(self) -> None:
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due_ns, _, action = heapq.heappop(self._due)
            if now - due_ns < _LATE_NS:
                action()

    def _pulse(self, second: int) -> None:
        faults = self._faults
        if not self._module.pulses or faults.no_pulse or faults.no_antenna or faults.unplug:
            return
        late = faults.slip + faults.spike
        if faults.spike:
            self._faults = faults.changed({"spike": 0})
        stamp = self._world.stamp(second * NS_PER_S) - round(self._world.early_ps(second) / 1000) + late
        self._at(stamp, lambda: self._pulses.pulse(stamp, _PULSE_WIDTH_NS))

    def _burst(self, second: int, tick: int, start_ns: int) -> None:
        centiseconds = tick * 100 // self._timing.rate_hz
        moment = self._module.epoch(second, self._faults, centiseconds)
        used = sum(s.used for s in moment.satellites) if moment.fix_mode >= 2 else 0
        fix = {1: "no fix", 2: "2D fix", 3: "3D fix"}[moment.fix_mode]
        self._told = f"{fix}, {used} of {len(moment.satellites)} satellites used"
        if self._faults.mute or self._faults.unplug:
            return
        at_ns = start_ns
        for message in self._dialect.burst(moment, whole_second=tick == 0):
            self._at(at_ns, lambda data=message: self._serial.write(self._through_faults(data)))  # type: ignore[misc]
            at_ns += len(message) * _BITS_PER_BYTE * NS_PER_S // self._timing.baud

    def _through_faults(self, data: bytes) -> bytes:
        if not self._faults.garble:
            return data
        damaged = bytearray(data)
        for i in range(len(damaged)):
            if self._random.random() < 0.05:
                damaged[i] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

    def _take(self, faults: Faults) -> None:
        if faults.unplug and self._serial.connected:
            self._serial.disconnect()
            self._pulses.disconnect()
            self._module.power(False, 0.0)
            self._dialect.forget()
            self._told = "unplugged"
        self._faults = faults
        if not faults.unplug and not self._serial.connected:
            self.plug_in()


def serve(hat: Hat) -> None:
    """Run `hat` until SIGTERM or SIGINT, and leave nothing behind."""
    stop: list[int] = []
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stop.append(number))
    try:
        hat.plug_in()
        hat.run(lambda: bool(stop), ours)
    finally:
        with contextlib.suppress(OSError):
            hat.close()
