# SPDX-License-Identifier: MIT
"""`stratum1 hat serve` runs the simulated hat; `stratum1 hat --no-pulse` and the like give a running one a fault."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from typing import Any

from stratum1.paths import Paths
from stratum1.simulator.faults import GIVEN_ALONE, HELP, LIMITS, Faults
from stratum1.timescale import NS_PER_S, parse_iso_utc

USAGE_ERROR = 2


def main(argv: list[str]) -> int:
    if argv[:1] == ["serve"]:
        return _serve(_serve_parser().parse_args(argv[1:]))
    return _order(vars(_order_parser().parse_args(argv)))


def _serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stratum1 hat serve", description="Run a GPS hat in software.")
    parser.add_argument("--date", metavar="UTC", help="what the time is in its world, as 2038-01-19T03:13:00Z")
    parser.add_argument(
        "--leap", metavar="UTC", help="insert a leap second before this midnight, as 2027-01-01T00:00:00Z"
    )
    parser.add_argument("--search", type=float, default=4.0, metavar="S", help="seconds to the first fix (4)")
    parser.add_argument("--rate", type=int, default=1, choices=(1, 5, 10), help="epochs a second (1)")
    parser.add_argument("--baud", type=int, default=9600, help="speed that paces the bytes (9600)")
    parser.add_argument(
        "--dialect",
        default="ublox8",
        choices=("ublox8", "ublox8t", "ublox10", "mtk", "pqtm", "pair", "casic", "nmea"),
        help="the receiver it carries (ublox8)",
    )
    parser.add_argument("--seed", type=int, help="makes the jitter repeatable")
    return parser


def _order_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stratum1 hat",
        description="Give the simulated GPS hat a fault, or several; without options: tell how it is.",
        epilog="`stratum1 hat serve` runs one; `stratum1 hat serve --help` tells its options.",
    )
    parser.add_argument("--resume", action="store_true", help="end all faults")
    for field in dataclasses.fields(Faults):
        option = "--" + field.name.replace("_", "-")
        if field.name in GIVEN_ALONE:
            parser.add_argument(
                option,
                type=int,
                nargs="?",
                const=GIVEN_ALONE[field.name],
                metavar="S" if field.name == "wrong_second" else "NS",
                help=f"{HELP[field.name]}; at most {LIMITS[field.name]}",
            )
        else:
            parser.add_argument(option, action="store_true", default=None, help=HELP[field.name])
    return parser


def _serve(options: argparse.Namespace) -> int:
    from stratum1.simulator.dialect import dialects
    from stratum1.simulator.module import Module
    from stratum1.simulator.serve import Hat, Timing, serve
    from stratum1.simulator.world import Leap, World

    paths = Paths.from_environment()
    try:
        shift_ns = 0
        if options.date:
            # Whole seconds, so that the fraction still is this machine's.
            shift_ns = (parse_iso_utc(options.date) - time.time_ns()) // NS_PER_S * NS_PER_S
        leap = Leap(parse_iso_utc(options.leap), 1) if options.leap else None
        if leap is not None and leap.at_ns % (86_400 * NS_PER_S):
            raise ValueError(f"--leap {options.leap}: no midnight")
        if not 0.0 <= options.search <= 3600.0:
            raise ValueError(f"--search {options.search}: want 0 to 3600 seconds")
        if not 4800 <= options.baud <= 921_600:
            raise ValueError(f"--baud {options.baud}: want 4800 to 921600")
    except ValueError as error:
        return _fail(str(error))
    if _running(paths):
        return _fail(f"a hat is running already ({paths.hat_control}); end it first")
    timing = Timing(options.rate, options.baud, min(150_000_000, 300_000_000 // options.rate))
    world = World(shift_ns, leap, options.seed)
    try:
        paths.run.mkdir(parents=True, exist_ok=True)
        hat = Hat(paths, world, Module(world, options.search), dialects()[options.dialect](), timing)
        serve(hat)
    except OSError as error:
        return _fail(f"{error.filename or paths.run}: {error.strerror or error}")
    return 0


def _order(options: dict[str, Any]) -> int:
    from stratum1.simulator.control import ask

    path = Paths.from_environment().hat_control
    resume = options.pop("resume")
    changes = {key: value for key, value in options.items() if value is not None}
    try:
        answer = ask(path, {"resume": resume, "set": changes})
    except (FileNotFoundError, ConnectionRefusedError):
        return _fail(f"no simulated hat is running ({path}); `make run` starts one")
    except OSError as error:
        return _fail(f"{path}: {error.strerror or error}")
    if "error" in answer:
        return _fail(str(answer["error"]))
    print(f"{answer.get('time', '')}  {answer.get('state', '')}")
    faults = answer.get("faults")
    for fault in faults if isinstance(faults, list) and faults else ["no faults"]:
        print(f"  {fault}")
    return 0


def _running(paths: Paths) -> bool:
    from stratum1.simulator.control import ask

    try:
        ask(paths.hat_control, {})
    except OSError:
        return False
    return True


def _fail(text: str) -> int:
    print(f"stratum1 hat: {text}", file=sys.stderr)
    return USAGE_ERROR
