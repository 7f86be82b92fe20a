# SPDX-License-Identifier: MIT
"""Before gpsd reads a receiver: find its speed, learn what it is, set it up, and say so.

`stratum1 receiver DEVICE [PROGRAM ..]` does that and then becomes PROGRAM (gpsd), so that who starts gpsd starts this
instead.  Whatever cannot be done is said and is no reason to stop: gpsd finds most receivers by itself.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from stratum1.receiver import mtk, ublox
from stratum1.receiver.serial_port import BAUDS, SerialPort
from stratum1.receiver.talk import Message, Port, Talk, Ubx

_LISTEN_S = 2.2
"""A receiver of one epoch a second has a whole burst in any span of this length."""
_SEARCH_S = 8.0
"""Whoever starts gpsd waits for it; what is not found by then, at the commonest speeds, gpsd looks for itself."""
_DEAF = 2
"""After so many orders without any answer the rest is not sent."""
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


def find_baud(port: TunablePort, speeds: Sequence[int] = BAUDS, talk: Callable[[Port], Talk] = Talk) -> int:
    """The first of `speeds` at which the receiver is understood, left set on `port`; 0 when there is none."""
    for baud in speeds:
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
    orders: list[tuple[str, Callable[[], bool | None]]]
    version = ublox.identify(line)
    if version is not None:
        name = version.name
        orders = [(step.what, partial(ublox.carry_out, line, step)) for step in ublox.steps(version, usb)]
    else:
        name = mtk.identify(line) or ""
        orders = [(step.what, partial(mtk.carry_out, line, step)) for step in mtk.STEPS if name]
    outcomes: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    deaf = 0
    for what, carry_out in orders:
        outcome = carry_out() if deaf < _DEAF else None
        deaf = deaf + 1 if outcome is None else 0
        outcomes[outcome].append(what)
    return Prepared(baud, name, tuple(outcomes[True]), tuple(outcomes[False]), tuple(outcomes[None]))


def prepare(path: Path) -> Prepared:
    """Both, on the device at `path`; OSError when it cannot be used."""
    port = SerialPort(path)
    try:
        baud = find_baud(port, BAUDS[: int(_SEARCH_S / _LISTEN_S)])
        return set_up(port, baud, usb=path.resolve().name.startswith("ttyACM")) if baud else Prepared()
    finally:
        port.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 receiver", description="Find and set up a GPS receiver.")
    parser.add_argument(
        "--as", dest="user", type=_user, metavar="UID:GID:GROUPS", help="first give up root, for these numbers"
    )
    parser.add_argument("device", type=Path)
    parser.add_argument("program", nargs=argparse.REMAINDER, help="what to become afterwards, with its arguments")
    options = parser.parse_args(argv)
    failed = False
    if options.user:
        try:
            _become(*options.user)
        except OSError as error:
            print(f"receiver: cannot become user {options.user[0]}: {error.strerror}", file=sys.stderr)
            return 2
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


def _user(text: str) -> tuple[int, int, list[int]]:
    uid, gid, groups = text.split(":")
    return int(uid), int(gid), [int(group) for group in groups.split(",") if group]


def _become(uid: int, gid: int, groups: list[int]) -> None:
    """Give up root for good.  Done here and not by who starts us, as that user may have no right to read Python."""
    import ctypes

    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    # To die with the supervisor: the change of user has cleared that (PR_SET_PDEATHSIG, prctl(2)).
    ctypes.CDLL(None, use_errno=True).prctl(1, int(signal.SIGKILL), 0, 0, 0)
