# SPDX-License-Identifier: MIT
"""`stratum1 network`: set this machine's network up as the settings say; confirm or take back what is tried."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys

from stratum1 import orders
from stratum1.netconfig.apply import Machine, wifi_file
from stratum1.netconfig.plan import plan
from stratum1.netconfig.trial import Trials, left_s
from stratum1.paths import Paths
from stratum1.settings import Settings, load

FAILED = 2
UNWELL = 1
"""Exit status when some of it could not be done; it may be tried again."""


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    paths = Paths.from_environment()
    try:
        if options.what == "apply":
            return _apply(paths, options.wait)
        if options.what in ("keep", "back"):
            return _order(paths, options.what)
        return _show(paths)
    except OSError as error:
        _say(f"{error.filename or paths.network_run}: {error.strerror}")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stratum1 network",
        description="The network of the appliance. What it is to be stands in the settings, section network.",
    )
    verbs = parser.add_subparsers(dest="what", metavar="show|apply|keep|back")
    verbs.add_parser("show", help="whether new settings are being tried (the default)")
    apply = verbs.add_parser("apply", help="set the network up (root only); nothing happens where it is so already")
    apply.add_argument("--wait", type=float, default=5.0, metavar="S", help="how long to wait for devices (default 5)")
    verbs.add_parser("keep", help="confirm the settings that are being tried")
    verbs.add_parser("back", help="put the former settings back at once")
    return parser


def _apply(paths: Paths, wait_s: float) -> int:
    if os.geteuid() != 0:
        _say("only root can change the network of a machine")
        return FAILED
    machine = Machine(paths)
    with machine.locked():
        settings = load(paths.settings).settings
        _take_name(paths, machine, settings)
        wanted = Trials(paths, _say).in_force(settings)
        host = socket.gethostname()
        return 0 if machine.apply(plan(wanted, wifi_file(paths.wifi_file)), host, wait_s, _say) else UNWELL


def _take_name(paths: Paths, machine: Machine, settings: Settings) -> None:
    """The name has been taken over by the start script; a later change of it is done here."""
    note = paths.network_run / "name"
    name = settings.system.name
    before = note.read_text(encoding="utf-8") if note.exists() else name
    if before != name:
        machine.identity(_say)
    note.write_text(name, encoding="utf-8")


def _status(paths: Paths) -> dict[str, object]:
    try:
        found = json.loads(paths.network_status.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _order(paths: Paths, what: str) -> int:
    trial = _status(paths).get("trial")
    if not isinstance(trial, dict):
        _say("no new settings are being tried")
        return FAILED
    orders.give(paths, f"network-{what} {trial.get('mark')}")
    return 0


def _show(paths: Paths) -> int:
    status = _status(paths)
    if not status:
        print("The network is managed by this computer, not by stratum1.")
        return 0
    left = left_s(status)
    if left is not None:
        print(f"New settings are being tried: `stratum1 network keep` within {left:.0f} s, else the former come back.")
    for line in (status.get("said"), status.get("problem")):
        if line:
            print(line)
    if left is None and not status.get("said") and not status.get("problem"):
        print("Set up as the settings say.")
    return 0


def _say(line: str) -> None:
    print(f"network: {line}", file=sys.stderr, flush=True)
