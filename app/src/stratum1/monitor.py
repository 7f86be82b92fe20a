# SPDX-License-Identifier: MIT
"""The `stratum1 upstream` process: asks other servers and writes what they say (see upstream/)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from stratum1 import upstream
from stratum1.heartbeat import Heartbeat
from stratum1.paths import Paths
from stratum1.upstream.monitor import Monitor
from stratum1.upstream.network import UdpNetwork
from stratum1.upstream.served import TrackingClock

USAGE = """usage: stratum1 upstream [--poll SECONDS] SERVER...

Compares the served time with other NTP servers, given by name or address, and never follows them; what they say is
written to upstream.json in STRATUM1_RUN. As a service the supervisor starts it with the settings of [upstream]."""

BEAT_NS = 4_000_000_000
LEAST_POLL_S, MOST_POLL_S = 64, 1024
FAILED = 2


def say(text: str) -> None:
    print(f"upstream: {text}", file=sys.stderr, flush=True)


class Process:
    def __init__(self, paths: Paths, names: Sequence[str], poll_s: int) -> None:
        self._paths = paths
        self._ending = False
        self._verdict = upstream.Verdict.WAITING
        self._network = UdpNetwork()
        self._monitor = Monitor(names, poll_s, TrackingClock(paths.tracking), self._network, self._tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        # Other settings are other arguments, with which the supervisor starts us anew.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._signals, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._ending = True

    def _tell(self, news: upstream.Upstream) -> None:
        upstream.write(self._paths, news)
        if news.verdict is not self._verdict:
            self._verdict = news.verdict
            say(f"{news.verdict.value}, {news.usable} of {len(news.servers)} servers usable")

    def run(self) -> int:
        heartbeat = Heartbeat()
        while not self._ending:
            due = self._monitor.turn()
            heartbeat.beat()
            now = time.monotonic_ns()
            self._wait(max(0, min(due, now + BEAT_NS) - now))
        self._monitor.close()
        self._paths.upstream_status.unlink(missing_ok=True)
        return 0

    def _wait(self, ns: int) -> None:
        """Until an answer, a name or a signal comes, or the time is over."""
        poller = select.poll()
        for source in (self._signals, self._network.wake.fileno(), *(e.fileno() for e in self._monitor.exchanges)):
            poller.register(source, select.POLLIN)
        poller.poll(-(-ns // 1_000_000))
        with contextlib.suppress(BlockingIOError):
            os.read(self._signals, 64)


def main(argv: list[str]) -> int:
    if argv[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    poll, names = (argv[1], argv[2:]) if argv[:1] == ["--poll"] and len(argv) > 1 else (str(LEAST_POLL_S), argv)
    if not names or any(name.startswith("-") for name in names):
        print(USAGE, file=sys.stderr)
        return FAILED
    if not poll.isdecimal() or not LEAST_POLL_S <= int(poll) <= MOST_POLL_S:
        say(f"--poll: {poll!r} is no interval, want {LEAST_POLL_S} to {MOST_POLL_S} seconds")
        return FAILED
    return Process(Paths.from_environment(), names, int(poll)).run()
