# SPDX-License-Identifier: MIT
"""`stratum1 alarms`: the process that tells them; `stratum1 alarms test WAY` tries a way and says what became of it."""

from __future__ import annotations

import sys

from stratum1.alarms.trouble import WayError
from stratum1.alarms.ways import sender
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.settings.alarms import WAYS

FAILED = 2


def main(argv: list[str]) -> int:
    if not argv:
        from stratum1.alarms.process import serve

        return serve()
    import argparse

    parser = argparse.ArgumentParser(
        prog="stratum1 alarms", description="Tell others what is wrong with the box, as the settings say."
    )
    verbs = parser.add_subparsers(dest="what", required=True, metavar="test")
    try_out = verbs.add_parser("test", help="send one message over a way and say what became of it")
    try_out.add_argument("way", choices=sorted(WAYS))
    return _test(parser.parse_args(argv).way)


def _test(way: str) -> int:
    from stratum1.alarms.message import test
    from stratum1.tracking import TrackingReader
    from stratum1.words import describe

    paths = Paths.from_environment()
    settings = load(paths.settings).settings
    if way not in settings.ways():
        print(f"no server is named for {WAYS[way]}", file=sys.stderr)
        return FAILED
    reader = TrackingReader(paths.tracking)
    status = describe(reader.read(), reader.now())
    try:
        sender(way, settings)(test(status, settings.system.name))
    except WayError as error:
        print(error, file=sys.stderr)
        return FAILED
    print("sent, but syslog over UDP is never acknowledged" if _unsure(way, settings.syslog.transport) else "sent")
    return 0


def _unsure(way: str, transport: str) -> bool:
    return way == "syslog" and transport == "udp"
