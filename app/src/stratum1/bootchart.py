# SPDX-License-Identifier: MIT
"""`stratum1 bootchart`: how long the last start took, step by step, since the kernel began."""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from stratum1.paths import Paths

WIDTH = 50
FIRST = "kernel"


class Step(NamedTuple):
    begun: float
    """s since the kernel began"""
    ended: float
    name: str


def steps(text: str) -> list[Step]:
    """Rows `seconds name`, each the end of a step, in order; ValueError when one makes no sense."""
    found: list[Step] = []
    for line in text.splitlines():
        at, _, name = line.partition(" ")
        begun = found[-1].ended if found else 0.0
        ended = float(at)
        if not name or ended < begun:
            raise ValueError(f"{line!r}: want seconds and a name, in order")
        found.append(Step(begun, ended, name))
    return found


def chart(found: list[Step], width: int = WIDTH) -> str:
    """A row for each step: when it ended, how long it took, and a bar of where in the start it lay."""
    total = max((step.ended for step in found), default=0.0) or 1.0
    broadest = max((len(step.name) for step in found), default=0)
    rows = [f"{'at s':>7} {'took s':>7}"]
    for step in found:
        left = round(step.begun / total * width)
        bar = max(1, round(step.ended / total * width) - left)
        rows.append(
            f"{step.ended:7.2f} {step.ended - step.begun:7.2f}  {step.name:<{broadest}}  {' ' * left}{'#' * bar}"
        )
    user = [step.ended for step in found if step.name == "supervisor"]
    if user and found[0].name == FIRST:
        rows.append(f"kernel {found[0].ended:.2f} s, then {user[0] - found[0].ended:.2f} s until the supervisor")
    return "\n".join(rows)


def main(argv: list[str]) -> int:
    argparse.ArgumentParser(prog="stratum1 bootchart", description="How long the last start took.").parse_args(argv)
    path = Paths.from_environment().boot_chart
    try:
        print(chart(steps(path.read_text(encoding="ascii", errors="replace"))))
    except FileNotFoundError:
        print(f"bootchart: {path}: not there; only the appliance keeps one", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"bootchart: {path}: {error}", file=sys.stderr)
        return 1
    return 0
