# SPDX-License-Identifier: MIT
"""Before gpsd reads a receiver: find its speed, learn what it is, set it up, and say so.

`stratum1 receiver DEVICE [PROGRAM ..]` does that and then becomes PROGRAM (gpsd), so that who starts gpsd starts this
instead.  Whatever cannot be done is said and is no reason to stop: gpsd finds most receivers by itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stratum1.receiver import mtk, ublox
from stratum1.receiver.serial_port import BAUDS, SerialPort
from stratum1.receiver.talk import Message, Port, Talk, Ubx

_LISTEN_S = 2.2
"""A receiver of one epoch a second has a whole burst in any span of this length."""
_FRAMES = 3
"""So many good checksums in a row do not come about at a wrong speed."""
_TALKERS = ("GP", "GN", "GL", "GA", "GB", "BD", "GQ", "GI", "PM", "PU", "PQ", "PC")


class TunablePort(Port, Protocol):
    def set_baud(self, baud: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found and done."""

    baud: int = 0
    """0: nothing was understood at any speed."""
    name: str = ""
    done: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()

    def text(self) -> str:
        if not self.baud:
            return "no receiver is heard at any speed"
        if not self.name:
            return f"a GPS receiver at {self.baud} baud that takes no orders; used as it is"
        parts = [f"{self.name} at {self.baud} baud"]
        if self.done:
            parts.append("set up: " + ", ".join(self.done))
        if self.refused:
            parts.append("not supported: " + ", ".join(self.refused))
        if self.unanswered:
            parts.append("not answered: " + ", ".join(self.unanswered))
        return "; ".join(parts)


def find_baud(port: TunablePort, first: int | None = None, talk: Callable[[Port], Talk] = Talk) -> int:
    """The speed at which the receiver is understood, left set on `port`; 0 when there is none.

    `first` is tried before all others: what was found the last time.
    """
    order = [first, *(baud for baud in BAUDS if baud != first)] if first else list(BAUDS)
    for baud in order:
        port.set_baud(baud)
        heard = 0

        def enough(message: Message) -> bool | None:
            nonlocal heard
            heard += isinstance(message, Ubx) or message.body.startswith(_TALKERS)
            return True if heard >= _FRAMES else None

        if talk(port).listen(enough, _LISTEN_S):
            return baud
    return 0


def set_up(port: Port, baud: int, usb: bool = False, talk: Callable[[Port], Talk] = Talk) -> Prepared:
    """Learn what talks at `baud` on `port` and set it up."""
    line = talk(port)
    outcomes: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    version = ublox.identify(line)
    if version is not None:
        name = version.name
        for step in ublox.steps(version, usb):
            outcomes[ublox.carry_out(line, step)].append(step.what)
    else:
        name = mtk.identify(line) or ""
        for order in mtk.steps() if name else ():
            outcomes[mtk.carry_out(line, order)].append(order.what)
    return Prepared(baud, name, tuple(outcomes[True]), tuple(outcomes[False]), tuple(outcomes[None]))


def prepare(path: Path) -> Prepared:
    """Both, on the device at `path`; OSError when it cannot be used."""
    port = SerialPort(path)
    try:
        baud = find_baud(port)
        return set_up(port, baud, usb=path.resolve().name.startswith("ttyACM")) if baud else Prepared()
    finally:
        port.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 receiver", description="Find and set up a GPS receiver.")
    parser.add_argument("device", type=Path)
    parser.add_argument("program", nargs=argparse.REMAINDER, help="what to become afterwards, with its arguments")
    options = parser.parse_args(argv)
    failed = False
    try:
        prepared = prepare(options.device)
        print(f"receiver: {prepared.text()}", file=sys.stderr, flush=True)
        failed = not prepared.baud
    except OSError as error:
        print(f"receiver: {options.device}: {error.strerror or error}", file=sys.stderr, flush=True)
        failed = True
    if options.program:
        try:
            os.execvp(options.program[0], options.program)
        except OSError as error:
            print(f"receiver: {options.program[0]}: {error.strerror}", file=sys.stderr)
            return 2
    return 1 if failed else 0
