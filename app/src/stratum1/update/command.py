# SPDX-License-Identifier: MIT
"""`stratum1 update`: what the supervisor runs as root, and what a person may type on the box."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stratum1.paths import Paths
from stratum1.update import UpdateError, bundle
from stratum1.update.install import install, rollback
from stratum1.update.progress import Progress, write_progress
from stratum1.update.slots import Slots

TRY = "tryboot"
"""The file in /run that lets init's last act ask the firmware for a try."""
PERIOD_S = 0.5

# linux/reboot.h
RESTART2 = (0xFEE1DEAD, 672274793, 0xA1B2C3D4)
SYS_REBOOT = {"aarch64": 142, "x86_64": 169}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 update", description="Update this box from a signed bundle.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("status", help="which slot runs and what the other one holds")
    for name, text in (("check", "look whether a bundle can be trusted"), ("install", "write it to the other slot")):
        one = verbs.add_parser(name, help=text)
        one.add_argument("bundle", type=Path)
    one.add_argument("--restart", action="store_true", help="then restart and try it")
    verbs.add_parser("confirm", help="keep the system that is on trial")
    verbs.add_parser("rollback", help="restart and try the other slot's system")
    verbs.add_parser("restart", help="init's last act: restart the machine, by a try when one was asked for")
    options = parser.parse_args(argv)
    paths = Paths.from_environment()
    try:
        return _do(options, paths)
    except UpdateError as error:
        if options.verb == "install":
            write_progress(paths, Progress("failed", problem=str(error)))
        print(f"update: {error}", file=sys.stderr)
        return 1


def _do(options: argparse.Namespace, paths: Paths) -> int:
    match options.verb:
        case "restart":
            return _restart()
        case "status":
            standing = Slots.of(paths).standing()
            trial = ", on trial" if standing.on_trial else ""
            print(f"slot {standing.running} runs{trial}, {standing.default} starts next")
            print(f"the other slot holds {standing.other_version or 'nothing'}")
        case "check":
            manifest = bundle.check(options.bundle, Slots.of(paths).key)
            print(f"{options.bundle.name}: version {manifest.version} for {manifest.board}, {manifest.size} bytes")
        case "install":
            os.nice(10)
            try:
                manifest = install(options.bundle, Slots.of(paths), _teller(paths))
            finally:
                # The page's upload has served, one way or the other, and fills the data partition.
                paths.update_bundle.unlink(missing_ok=True)
            print(f"version {manifest.version} written and read back")
            if options.restart:
                write_progress(paths, Progress("restarting", version=manifest.version))
                _ask_for_try(paths)
        case "confirm":
            print("kept" if Slots.of(paths).confirm() else "not on trial")
        case "rollback":
            print(f"trying slot {rollback(Slots.of(paths))}")
            _ask_for_try(paths)
    return 0


def _teller(paths: Paths) -> Callable[[Progress], None]:
    """Writes the progress file, but not for every chunk."""
    last_at, last_step = -PERIOD_S, ""

    def tell(progress: Progress) -> None:
        nonlocal last_at, last_step
        now = time.monotonic()
        if progress.step != last_step or now - last_at >= PERIOD_S:
            last_at, last_step = now, progress.step
            write_progress(paths, progress)

    return tell


def _ask_for_try(paths: Paths) -> None:
    """A restart in good order, at whose end the firmware is asked to start the other slot once."""
    (paths.root / "run" / TRY).touch()
    os.kill(1, signal.SIGTERM)  # BusyBox init's word for it


def _restart() -> int:
    """reboot(2) with the words that the firmware reads: partition 0 is "as autoboot.txt says", then the wish."""
    number = SYS_REBOOT.get(os.uname().machine)
    if number is None or os.geteuid() != 0 or os.getppid() != 1:
        raise UpdateError("only init may do this, as its last act")
    os.sync()
    ctypes.CDLL(None, use_errno=True).syscall(number, *(ctypes.c_uint(word) for word in RESTART2), b"0 tryboot")
    raise UpdateError(f"the restart was refused: {os.strerror(ctypes.get_errno())}")
