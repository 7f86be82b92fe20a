# SPDX-License-Identifier: MIT
"""The workers of a responder: threads at their sockets, watched, mended and ended."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from stratum1.ntp.access import Policy
from stratum1.ntp.counters import CountersPage
from stratum1.ntp.hardware import NicTable
from stratum1.ntp.listen import ListenError, open_family
from stratum1.ntp.sockets import Worker
from stratum1.settings.schema import Ntp

STUCK_S = 5.0
"""A worker whose loop has not turned for this long is stuck: no heartbeat any more."""


class Seat:
    """One worker's place: a socket, its part of the counters, and the thread that sits there now."""

    def __init__(self, crew: Crew, index: int, sock: socket.socket, stamps: bool) -> None:
        self.crew = crew
        self.index = index
        self.sock = sock
        self.stamps = stamps
        self.start()

    def start(self) -> None:
        crew = self.crew
        self.worker = Worker(
            self.sock.fileno(),
            ipv6=self.sock.family == socket.AF_INET6,
            rules=crew.rules,
            block=crew.page.block(self.index),
            rows=crew.page.client_rows(self.index),
            precision=crew.precision,
            thread=self.index,
            stamps=self.stamps,
            control_fd=crew.control_fd,
            nics=crew.nics,
        )
        self.turns = -1
        self.turned = time.monotonic()
        self.thread = threading.Thread(target=self.worker.run, name=f"answers-{self.index}", daemon=True)
        self.thread.start()

    def turning(self) -> bool:
        """Whether the loop has turned lately."""
        turns = self.worker.turns
        if turns != self.turns:
            self.turns = turns
            self.turned = time.monotonic()
        return time.monotonic() - self.turned < STUCK_S


class Crew:
    """All workers of one set of ports, families and threads; ListenError when not even one family can be had."""

    def __init__(
        self,
        path: Path,
        ntp: Ntp,
        rules: Policy,
        precision: int,
        control_fd: int,
        say: Callable[[str], None],
        nics: NicTable | None = None,
        *,
        known_port: bool,
    ) -> None:
        self._say = say
        self.nics = nics
        self.ntp = ntp
        self.rules = rules
        self.precision = precision
        self.control_fd = control_fd
        self.count = ntp.workers or min(os.cpu_count() or 1, 4)
        self.replaced = 0
        self.problem = ""
        families = [f for f, wanted in ((socket.AF_INET, ntp.ipv4), (socket.AF_INET6, ntp.ipv6)) if wanted]
        if not families:
            raise ListenError("ntp.ipv4 and ntp.ipv6 are both false: nobody could be served")
        opened = {}
        for family in families:
            try:
                opened[family] = open_family(family, ntp.port, self.count, first=not known_port)
            except ListenError as error:
                if (family is families[-1] and not opened) or "taken" in str(error):
                    for sockets in opened.values():
                        for sock, _ in sockets:
                            sock.close()
                    raise
                self.problem = str(error)
        self.families = tuple(opened)
        rows = 1 << max(2, (ntp.clients // self.count).bit_length() - 1)
        self.page = CountersPage(path, self.count * 2, rows)
        self.seats = [
            Seat(self, (self.count if family == socket.AF_INET6 else 0) + place, sock, stamps)
            for family, sockets in opened.items()
            for place, (sock, stamps) in enumerate(sockets)
        ]

    def use(self, rules: Policy) -> None:
        self.rules = rules
        for seat in self.seats:
            seat.worker.use(rules)

    def mend(self) -> None:
        """Put a new thread, and if need be a new socket, where one has ended."""
        for seat in self.seats:
            if seat.thread.is_alive():
                continue
            self.replaced += 1
            self._say(f"worker {seat.index} ended unexpectedly and is replaced")
            family = seat.sock.family
            with contextlib.suppress(OSError):
                seat.sock.close()
            try:
                [(seat.sock, seat.stamps)] = open_family(family, self.ntp.port, 1, first=False)
            except ListenError as error:
                self.problem = str(error)
                continue
            seat.start()

    def turning(self) -> bool:
        return all(map(Seat.turning, self.seats))

    def served(self) -> int:
        """Answers of all workers since the start: the first three verdicts of each block."""
        return sum(sum(self.page.block(seat.index)[8:32].cast("Q")) for seat in self.seats)

    def stop(self) -> None:
        """Answer what the sockets still hold, then close them."""
        for seat in self.seats:
            seat.worker.stop()
        deadline = time.monotonic() + 2.0
        for seat in self.seats:
            seat.thread.join(max(0.0, deadline - time.monotonic()))
            if not seat.thread.is_alive():
                seat.sock.close()
