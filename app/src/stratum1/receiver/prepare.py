# SPDX-License-Identifier: MIT
"""Before gpsd reads a receiver: find its speed, learn what it is, set it up, and say so.

`stratum1 receiver DEVICE .. [-- PROGRAM ..]` does that and then becomes PROGRAM (gpsd) with what was found, so that
who starts gpsd starts this instead.  Whatever cannot be done is said and is no reason to stop: gpsd finds most
receivers by itself, on the first device.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stratum1.receiver import casic, mtk, quectel, ublox
from stratum1.receiver.candidates import on_usb
from stratum1.receiver.hunt import hunt
from stratum1.receiver.memory import Found, Memory, load
from stratum1.receiver.orders import ANSWER_S, TRIES, Known, Wishes
from stratum1.receiver.serial_port import SerialPort
from stratum1.receiver.talk import Message, Port, Talk

_DEAF = 2
"""After so many orders without any answer the rest is not sent."""


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


_QUESTIONS = (ublox.QUESTION, mtk.QUESTION, *quectel.QUESTIONS, casic.QUESTION)
_DIALECTS = (ublox.recognise, mtk.recognise, quectel.recognise, casic.recognise)


def identify(line: Talk, wishes: Wishes) -> Known | None:
    """Asked in all languages at once: a receiver skips what is not its own."""

    def recognise(message: Message) -> Known | None:
        return next((known for dialect in _DIALECTS if (known := dialect(message, wishes))), None)

    for _ in range(TRIES + 1):
        for question in _QUESTIONS:
            line.send(question)
        known = line.listen(recognise, ANSWER_S)
        if known is not None:
            return known
    return None


def set_up(port: Port, baud: int, wishes: Wishes = Wishes(), talk: Callable[[Port], Talk] = Talk) -> Prepared:  # noqa: B008
    """Learn what talks at `baud` on `port` and set it up."""
    line = talk(port)
    known = identify(line, wishes)
    if known is None:
        return Prepared(baud)
    outcomes: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    deaf = 0
    for order in known.orders:
        outcome = order.carry_out(line) if deaf < _DEAF else None
        deaf = deaf + 1 if outcome is None else 0
        outcomes[outcome].append(order.what)
    return Prepared(baud, known.name, tuple(outcomes[True]), tuple(outcomes[False]), tuple(outcomes[None]))


def prepare(devices: Sequence[Path], memory: Memory, constellations: tuple[str, ...] = ()) -> tuple[Memory, list[str]]:
    """Hunt on `devices` and set up whatever is found: (what to remember, one line for each device to be said)."""
    ports: dict[Path, SerialPort] = {}
    said: list[str] = []
    try:
        for device in devices:
            try:
                ports[device] = SerialPort(device)
            except OSError as error:
                said.append(f"{device}: {error.strerror or error}")
        bauds = hunt(ports, memory)
        found: list[Found] = []
        for device, baud in bauds.items():
            try:
                wishes = Wishes(device.name.startswith("ttyACM"), constellations)
                prepared = set_up(ports[device], baud, wishes)
            except OSError as error:
                said.append(f"{device}: {error.strerror or error}")
                continue
            found.append(Found(str(device), baud, prepared.name))
            said.append(f"{device}: {prepared.text()}")
        # The header's own lines first, then who takes orders; the order of the candidates settles the rest.
        found.sort(key=lambda one: (on_usb(Path(one.device)), not one.name))
        silent = tuple(str(device) for device in ports if device not in bauds)
        said += [f"{device}: {Prepared().text()}" for device in silent if not bauds]
        return Memory(tuple(found), silent), said
    finally:
        for port in ports.values():
            port.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 receiver", description="Find and set up a GPS receiver.")
    parser.add_argument(
        "--as", dest="user", type=_user, metavar="UID:GID:GROUPS", help="first give up root, for these numbers"
    )
    parser.add_argument("--memory", type=Path, metavar="FILE", help="where it was found the last time")
    parser.add_argument("--answer", type=Path, metavar="FILE", help="where to write what is found now")
    parser.add_argument(
        "--constellations", type=_names, default=(), metavar="NAMES", help="as in receiver.constellations"
    )
    parser.add_argument("devices", type=Path, nargs="+", metavar="DEVICE")
    parser.epilog = "After -- : what to become afterwards, with its arguments; the devices found are added to them."
    cut = argv.index("--") if "--" in argv else len(argv)
    options, program = parser.parse_args(argv[:cut]), argv[cut + 1 :]
    memory = load(options.memory) if options.memory else Memory()
    # Opened while we may; afterwards we are nobody who may write there.
    answer = _open_answer(options.answer) if options.answer else None
    if options.user:
        try:
            _become(*options.user)
        except OSError as error:
            print(f"receiver: cannot become user {options.user[0]}: {error.strerror}", file=sys.stderr)
            return 2
    found, said = prepare(options.devices, memory, options.constellations)
    for line in said:
        print(f"receiver: {line}", file=sys.stderr, flush=True)
    if answer is not None:
        os.write(answer, found.text().encode("ascii") + b"\n")
        os.close(answer)
    if program:
        devices = [one.device for one in found.found] or [str(options.devices[0])]
        try:
            os.execvp(program[0], [*program, *devices])
        except OSError as error:
            print(f"receiver: {program[0]}: {error.strerror}", file=sys.stderr)
            return 2
    return 0 if found.found else 1


def _open_answer(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        print(f"receiver: {path}: {error.strerror}", file=sys.stderr)
        return None


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


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
