# SPDX-License-Identifier: MIT
"""`stratum1 status`: what the panel and the page show, on a terminal or for programs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from stratum1 import upstream
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.tracking import TrackingReader
from stratum1.words import Comparison, Status, compare, describe

NOT_SERVING = 1
"""Exit status when nobody is served, for scripts."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="stratum1 status",
        description="Print what the panel shows.",
        epilog="Exit status: 0 while time is served, 1 while clients are told not to use it.",
    )
    parser.add_argument("--json", action="store_true", help="for programs; units are in the names")
    options = parser.parse_args(argv)
    paths = Paths.from_environment()
    status = read(paths)
    comparison = compared(paths)
    troubles = children_in_trouble(paths)
    if options.json:
        news = upstream.read(paths)
        said = {
            **status.as_dict(),
            "upstream": news.as_dict() if news else None,
            "processes": _children(paths),
        }
        json.dump(said, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        rows = [*status.rows(), *(("Process", trouble) for trouble in troubles)]
        if comparison:
            rows.append(("Upstream", comparison.headline))
        width = max(len(label) for label, _ in rows)
        for label, text in rows:
            print(f"{label:<{width}}  {text}")
    return 0 if status.serves else NOT_SERVING


def read(paths: Paths) -> Status:
    """The status now, in the words of panel and page."""
    reader = TrackingReader(paths.tracking)
    return describe(reader.read(), reader.now(), load(paths.settings).settings.system.zone)


def compared(paths: Paths) -> Comparison | None:
    """What other servers say of this box; None when none are named."""
    return compare(upstream.read(paths)) if load(paths.settings).settings.upstream.servers else None


def children_in_trouble(paths: Paths) -> list[str]:
    """One line for each process of the supervisor that should run and does not."""
    return [
        f"{name} is {child.get('state')}: {child.get('why')}"
        for name, child in _children(paths).items()
        if child.get("state") in ("waiting", "restarting") and child.get("why")
    ]


def _children(paths: Paths) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(paths.children_status.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
