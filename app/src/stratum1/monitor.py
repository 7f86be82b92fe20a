# SPDX-License-Identifier: MIT
"""The `stratum1 upstream` process: asks the servers of `upstream.servers` and writes what they say (see upstream/)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from types import FrameType

from stratum1 import upstream
from stratum1.heartbeat import Heartbeat
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.upstream.monitor import Monitor
from stratum1.upstream.network import UdpNetwork
from stratum1.upstream.served import TrackingClock

USAGE = """usage: stratum1 upstream

Compares the served time with the servers that the setting upstream.servers names, and never follows them.
Folders: STRATUM1_RUN and STRATUM1_DATA in the environment. It takes no options."""

BEAT_NS = 4_000_000_000
FAILED = 2


def say(text: str) -> None:
    print(f"upstream: {text}", file=sys.stderr, flush=True)


class Process:
    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._ending = False
        self._reloading = False
        self._verdict = upstream.Verdict.WAITING
        self._network = UdpNetwork()
        self._settings = self._load()
        self._monitor = self._new()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self._signals, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._reloading = True
        else:
            self._ending = True

    def _load(self) -> tuple[tuple[str, ...], int]:
        loaded = load(self._paths.settings)
        if loaded.problem:
            say(loaded.problem)
        return loaded.settings.upstream.servers, loaded.settings.upstream.poll_s

    def _new(self) -> Monitor:
        names, poll_s = self._settings
        return Monitor(names, poll_s, TrackingClock(self._paths.tracking), self._network, self._tell)

    def _tell(self, news: upstream.Upstream) -> None:
        upstream.write(self._paths, news)
        if news.verdict is not self._verdict:
            self._verdict = news.verdict
            say(f"{news.verdict.value}, {news.usable} of {len(news.servers)} servers usable")

    def run(self) -> int:
        heartbeat = Heartbeat()
        while not self._ending:
            if self._reloading:
                self._reload()
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

    def _reload(self) -> None:
        self._reloading = False
        settings = self._load()
        if settings != self._settings:
            self._settings = settings
            self._monitor.close()
            self._monitor = self._new()


def main(argv: list[str]) -> int:
    if argv:
        print(USAGE, file=sys.stdout if argv[0] in ("-h", "--help") else sys.stderr)
        return 0 if argv[0] in ("-h", "--help") else FAILED
    return Process(Paths.from_environment()).run()
