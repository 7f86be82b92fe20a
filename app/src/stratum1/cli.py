# SPDX-License-Identifier: MIT
"""The `stratum1` command: verbs only; what a verb does stands in its own room, loaded when it is asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse


class Verb(NamedTuple):
    module: str
    """The room whose `main(argv) -> exit status` does it."""
    help: str


VERBS = {
    "supervise": Verb("stratum1.supervisor.supervisor", "run the appliance: gpsd and all processes, until SIGTERM"),
    "status": Verb("stratum1.status", "print what the panel and the page show; --json for programs"),
    "settings": Verb("stratum1.settings.command", "show, get, set or check settings"),
    "update": Verb("stratum1.update.command", "check and install a signed bundle, keep it or go back"),
    "network": Verb("stratum1.networking", "set up the appliance's network; confirm or take back a change"),
    "bootchart": Verb("stratum1.bootchart", "how long the last start took, step by step"),
    "nic": Verb("stratum1.nic", "let a network device stamp packets itself, where it can"),
    "demo": Verb("stratum1.demo", "run the appliance on this PC with a simulated GPS hat"),
    "hat": Verb("stratum1.simulator.hat", "the simulated GPS hat: serve it, or give it a fault"),
    "calibrate": Verb("stratum1.calibrate", "measure how late a pulse is stamped, by an output looped to a PPS line"),
    "receiver": Verb("stratum1.receiver.prepare", "find the speed of a GPS receiver and set it up; then become gpsd"),
    "timekeeper": Verb("stratum1.timekeeper", "process: pulses and labels to time"),
    "responder": Verb("stratum1.responder", "process: answers NTP"),
    "upstream": Verb("stratum1.monitor", "process: compares the time with other servers, follows none"),
    "panel": Verb("stratum1.panel.main", "process: draws the panel"),
    "wall": Verb("stratum1.panel.screen", "process: draws the studio clock on a screen"),
    "alarms": Verb("stratum1.alarms.command", "process: tells others what is wrong; `alarms test WAY` tries one way"),
    "web": Verb("stratum1.web", "process: serves the page"),
}

USAGE_ERROR = 2
"""Exit status when what was typed makes no sense, and when a start cannot succeed as things are."""


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in VERBS:
        return _no_verb(argv)
    # What follows the verb belongs to the verb, --help included.
    run: Callable[[list[str]], int] = importlib.import_module(VERBS[argv[0]].module).main
    try:
        status = run(argv[1:])
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`stratum1 status | head -1`): nothing to say, nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _no_verb(argv: list[str]) -> int:
    """Help, version, or what is wrong with what was typed."""
    parser = _parser()
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE_ERROR
    parser.parse_args(["--version"] if argv[0] == "version" else argv[:1])
    return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    import argparse  # 1 MB that a service, whose verb is known, does without

    from stratum1 import __version__

    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.help}" for name, verb in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="stratum1",
        description="GPS pulses in, the time of the network out.",
        epilog=f"verbs:\n{verbs}\n\n`stratum1 VERB --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"stratum1 {__version__}")
    parser.add_argument("verb", choices=[*VERBS, "version"], metavar="VERB", help="what to do; see below")
    return parser
