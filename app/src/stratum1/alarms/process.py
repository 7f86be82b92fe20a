# SPDX-License-Identifier: MIT
"""The process `stratum1 alarms`: looks every few seconds, and tells over the ways that are set up."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from stratum1 import safefile
from stratum1.alarms import message
from stratum1.alarms.book import Book
from stratum1.alarms.outbox import Outbox
from stratum1.alarms.trouble import WayError
from stratum1.alarms.ways import Send, sender
from stratum1.heartbeat import Heartbeat
from stratum1.ntp.counters import CountersReader
from stratum1.paths import Paths
from stratum1.settings import Settings, load
from stratum1.tracking import TrackingReader
from stratum1.upstream import read as read_upstream
from stratum1.words import Status, describe
from stratum1.words.alarms import Alarm, alarms

LOOK_S = 2.0
IDLE_S = 60.0
"""A way with nothing to send looks again after this time, or when it is woken."""


class Way(threading.Thread):
    """Sends what its outbox holds, one after the other; a server that hangs holds nobody else up."""

    def __init__(self, name: str, send: Send, outbox: Outbox) -> None:
        super().__init__(name=name, daemon=True)
        self._send = send
        self._outbox = outbox
        self._changed = threading.Condition()

    def put(self, now: float, content: message.Message) -> None:
        with self._changed:
            self._outbox.put(now, content)
            self._changed.notify()

    def as_dict(self) -> dict[str, Any]:
        with self._changed:
            return {"sent": self._outbox.sent, "waiting": len(self._outbox), "problem": self._outbox.problem}

    def run(self) -> None:
        while True:
            with self._changed:
                content = self._outbox.due(time.monotonic())
                if content is None:
                    self._changed.wait(LOOK_S if len(self._outbox) else IDLE_S)
                    continue
            try:
                self._send(content)
            except WayError as error:
                with self._changed:
                    if str(error) != self._outbox.problem:
                        say(f"{self.name}: {error}")
                    self._outbox.failed(time.monotonic(), str(error))
            else:
                with self._changed:
                    self._outbox.done()


class Watch:
    """What is so now: status and conditions."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._paths = paths
        self._settings = settings
        self._reader = TrackingReader(paths.tracking)
        self._counters = CountersReader(paths.responder_counters)

    def look(self, standing: frozenset[str]) -> tuple[Status, tuple[Alarm, ...]]:
        self._reader.reopen()
        status = describe(self._reader.read(), self._reader.now())
        counted = self._counters.read()
        named = bool(self._settings.upstream.servers)
        upstream = read_upstream(self._paths) if named else None
        children = _json(self._paths.children_status)
        problem = counted.problem if counted else ""
        return status, alarms(status, children, problem, upstream, standing)


class Teller:
    """Everything of the process but its signals."""

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self._path = paths.alarms_status
        self._box = settings.system.name
        self._watch = Watch(paths, settings)
        chosen = settings.alarms
        self._book = Book(chosen.raise_after_s, chosen.clear_after_s, chosen.least)
        self._book.restore(time.monotonic(), _json(self._path).get("standing"))
        self._ways: list[Way] = []
        for name in settings.ways():
            if name != "mqtt":
                outbox = Outbox(paths.alarms_waiting(name), chosen.per_hour)
                self._ways.append(Way(name, sender(name, settings), outbox))
        self._publisher: Any = None
        if settings.mqtt.server:
            from stratum1.alarms.mqtt import Publisher

            self._publisher = Publisher(settings.mqtt, self._box)
        self._interval_s = settings.mqtt.interval_s
        self._next_reading = 0.0
        self._state = ""
        self._shown: dict[str, Any] = {}

    def start(self) -> None:
        for way in self._ways:
            way.start()
        if self._publisher is not None:
            self._publisher.start()

    def look(self, now: float) -> None:
        """One look, and everything that follows from it; waits for nobody."""
        status, found = self._watch.look(self._book.keys)
        events = self._book.look(now, found)
        for event in events:
            say(f"{event.kind}: {event.alarm.headline}")
            for way in self._ways:
                way.put(now, message.about(event, status, self._box))
        if self._publisher is not None and (events or status.state != self._state or now >= self._next_reading):
            self._publisher.say(status, self._book.standing)
            self._next_reading = now + self._interval_s
        self._state = status.state
        self._show(now, bool(events))

    def stop(self) -> None:
        if self._publisher is not None:
            self._publisher.stop()

    def _show(self, now: float, anew: bool) -> None:
        ways = {way.name: way.as_dict() for way in self._ways}
        if self._publisher is not None:
            ways["mqtt"] = {"problem": self._publisher.problem}
        if ways != self._shown or anew:
            self._shown = ways
            content = {"standing": self._book.notes(now), "ways": ways}
            try:
                safefile.replace(self._path, json.dumps(content).encode())
            except OSError as error:
                say(f"{self._path}: {error.strerror}")


def serve() -> int:
    """Until SIGTERM or SIGINT, or until a change of the settings wants another start; 0."""
    paths = Paths.from_environment()
    settings = load(paths.settings).settings
    if not settings.ways():
        say("no way of telling alarms is set up; name a server in syslog, mail, webhook or mqtt")
        return 2
    over = threading.Event()

    def reload(*_: object) -> None:
        if _concern(load(paths.settings).settings) != _concern(settings):
            over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    signal.signal(signal.SIGHUP, reload)
    heartbeat = Heartbeat()
    teller = Teller(paths, settings)
    teller.start()
    while not over.is_set():
        teller.look(time.monotonic())
        heartbeat.beat()
        over.wait(LOOK_S)
    teller.stop()
    return 0


def _concern(settings: Settings) -> object:
    own = (settings.alarms, settings.syslog, settings.mail, settings.webhook, settings.mqtt)
    return own, settings.system.name, bool(settings.upstream.servers)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def say(line: str) -> None:
    print(f"stratum1 alarms: {' '.join(line.split())}", file=sys.stderr, flush=True)
