# SPDX-License-Identifier: MIT
"""Finding receivers on several serial lines at once, at any speed, by listening: nothing is sent to a stranger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from stratum1.receiver.candidates import on_usb
from stratum1.receiver.memory import Memory
from stratum1.receiver.serial_port import BAUDS
from stratum1.receiver.talk import Message, Port, Splitter, Ubx

LISTEN_S = 2.2
"""A receiver of one epoch a second has a whole burst in any span of this length."""
_SLICE_S = 0.1
_FRAMES = 3
"""So many good checksums do not come about at a wrong speed."""
_TALKERS = ("GP", "GN", "GL", "GA", "GB", "BD", "GQ", "GI", "PM", "PU", "PQ", "PC", "PA")


class TunablePort(Port, Protocol):
    def set_baud(self, baud: int) -> None: ...


class Line:
    """A port and what was understood on it since its speed was set."""

    def __init__(self, device: Path, port: TunablePort) -> None:
        self.device = device
        self.port = port
        self.dead = False
        self._baud = 0
        self._heard = 0
        self._splitter = Splitter()

    def tune(self, baud: int) -> None:
        self._baud, self._heard, self._splitter = baud, 0, Splitter()
        try:
            self.port.set_baud(baud)
        except OSError:
            self.dead = True

    def listen(self, seconds: float) -> None:
        try:
            for message in self._splitter.feed(self.port.read(seconds)):
                self._heard += _is_of_a_receiver(message)
        except OSError:
            self.dead = True

    @property
    def baud(self) -> int:
        """The speed, once it is understood, else 0."""
        return self._baud if self._heard >= _FRAMES and not self.dead else 0


def hunt(
    ports: Mapping[Path, TunablePort],
    memory: Memory = Memory(),  # noqa: B008 - immutable
    speeds: Sequence[int] = BAUDS,
    clock: Callable[[], float] = time.monotonic,
) -> dict[Path, int]:
    """The lines on which a receiver is understood and its speed, left set, in the order of `ports`.

    What is remembered is tried first and is enough when it holds for every line.  Else all lines go through all
    speeds until each has been understood, or only USB is left beside what was: the hat is what has the pulse.
    """
    lines = [Line(device, port) for device, port in ports.items()]
    remembered = {found.device: found.baud for found in memory.found}
    known = [line for line in lines if str(line.device) in remembered]
    for line in known:
        line.tune(remembered[str(line.device)])
    _listen(known, clock)
    settled = all(line.baud for line in known) and bool(known)
    if settled and all(line in known or str(line.device) in memory.silent for line in lines):
        return {line.device: line.baud for line in known}
    for baud in speeds:
        wanted = [line for line in lines if not line.baud and not line.dead]
        if not wanted or (any(line.baud for line in lines) and all(on_usb(line.device) for line in wanted)):
            break
        for line in wanted:
            line.tune(baud)
        _listen(wanted, clock)
    return {line.device: line.baud for line in lines if line.baud}


def _listen(lines: Sequence[Line], clock: Callable[[], float]) -> None:
    deadline = clock() + LISTEN_S
    while (left := deadline - clock()) > 0:
        wanted = [line for line in lines if not line.baud and not line.dead]
        if not wanted:
            return
        for line in wanted:
            line.listen(min(left, _SLICE_S / len(wanted)))


def _is_of_a_receiver(message: Message) -> bool:
    return isinstance(message, Ubx) or message.body.startswith(_TALKERS)
