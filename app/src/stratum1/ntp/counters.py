# SPDX-License-Identifier: MIT
"""What the responder counted, read from shared memory; counters.pxd and clients.pxd are the same as C.

The responder makes the page anew at each start (CountersPage); anybody may read it (CountersReader).
"""

from __future__ import annotations

import ipaddress
import mmap
import os
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stratum1.ntp.verdicts import Verdict

MAGIC = 0x43315331
VERSION = 1
HEADER_SIZE = 512
BLOCK_SIZE = 512
ROW_SIZE = 64
WAYS = 4

_HEADER = struct.Struct("=IHHIIII qqQ dddd HBBb3x 160s")
_BLOCK = struct.Struct("=Q 16Q 8Q 8Q 6Q qqq Qq BB6x Q")
_ROW = struct.Struct("=QQqqqQIIHBBI")

FLAG_IPV6 = 1
FLAG_AUTHENTICATED = 2
FLAG_INTERLEAVED = 4


@dataclass(frozen=True, slots=True)
class WorkerCount:
    """One thread's counters; `family` is 4 or 6."""

    family: int
    running: bool
    turns: int
    verdicts: tuple[int, ...]
    versions: tuple[int, ...]
    modes: tuple[int, ...]
    batches: int
    interleaved: int
    authenticated: int
    unstamped: int
    overflowed: int
    unlisted: int
    send_delay_ns: int
    chunk_delay_ns: int
    send_each_ns: int
    started: int
    error: int
    hardware: int


@dataclass(frozen=True, slots=True)
class Client:
    """One row of the table: an IPv4 address, or an IPv6 /64 with the address last heard from it."""

    address: str
    requests: int
    dropped: int
    first_s: float
    """Seconds since it was first heard."""
    last_s: float
    """Seconds since it was last heard."""
    interval_s: float
    """Smoothed time between requests; 0 after the first."""
    version: int
    mode: int
    authenticated: bool
    interleaved: bool


@dataclass(frozen=True, slots=True)
class Counters:
    """All workers taken together."""

    pid: int
    started_ns: int
    """CLOCK_REALTIME."""
    updated_s: float
    """Seconds since the responder's main loop last wrote its part; it does so every second."""
    workers: tuple[WorkerCount, ...]
    replaced: int
    """Workers that died and were replaced."""
    per_second: float
    """Answers per second over the last ten seconds."""
    per_minute: float
    """Answers in the last minute."""
    port: int
    ipv4: bool
    ipv6: bool
    precision: int
    problem: str
    """One line on what does not work as asked, such as a family without sockets; empty when all is well."""

    def verdict(self, verdict: Verdict) -> int:
        return sum(worker.verdicts[verdict] for worker in self.workers)

    @property
    def served(self) -> int:
        """Answers of any kind to time requests."""
        return self.verdict(Verdict.ANSWER) + self.verdict(Verdict.KISS) + self.verdict(Verdict.NAK)

    @property
    def dropped(self) -> dict[Verdict, int]:
        """By reason; only those that happened."""
        return {v: n for v in Verdict if not v.answered and (n := self.verdict(v))}

    @property
    def versions(self) -> dict[int, int]:
        return {i: n for i in range(8) if (n := sum(worker.versions[i] for worker in self.workers))}

    @property
    def modes(self) -> dict[int, int]:
        return {i: n for i in range(8) if (n := sum(worker.modes[i] for worker in self.workers))}

    def total(self, name: str) -> int:
        """Sum of one counter of WorkerCount over all workers."""
        return int(sum(getattr(worker, name) for worker in self.workers))


def page_size(workers: int, rows: int) -> int:
    return HEADER_SIZE + workers * (BLOCK_SIZE + rows * ROW_SIZE)


class CountersPage:
    """The responder's side: the file at `path`, made anew, with room for `workers` threads of `rows` clients each."""

    def __init__(self, path: Path, workers: int, rows: int) -> None:
        self.workers = workers
        self.rows = rows
        size = page_size(workers, rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(fd, size)
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self._view = memoryview(self._map)
        self._started_ns = time.time_ns()
        self.write(replaced=0, rates=(0.0, 0.0), port=0, families=(False, False), precision=0, problem="")
        os.replace(new, path)

    def block(self, index: int) -> memoryview:
        start = HEADER_SIZE + index * BLOCK_SIZE
        return self._view[start : start + BLOCK_SIZE]

    def client_rows(self, index: int) -> memoryview:
        start = HEADER_SIZE + self.workers * BLOCK_SIZE + index * self.rows * ROW_SIZE
        return self._view[start : start + self.rows * ROW_SIZE]

    def write(
        self,
        *,
        replaced: int,
        rates: tuple[float, float],
        port: int,
        families: tuple[bool, bool],
        precision: int,
        problem: str,
    ) -> None:
        """The header; rates are answers per second over ten seconds and answers in the last minute."""
        _HEADER.pack_into(
            self._view,
            0,
            MAGIC,
            VERSION,
            HEADER_SIZE,
            os.getpid(),
            self.workers,
            self.rows,
            0,
            self._started_ns,
            time.monotonic_ns(),
            replaced,
            rates[0],
            rates[1],
            0.0,
            0.0,
            port,
            families[0],
            families[1],
            precision,
            problem.encode("utf-8", "replace")[:159],
        )


class CountersReader:
    """Reads the page at `path`, which may come later, vanish or be replaced: then there is nothing to read."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._inode: tuple[int, int] | None = None

    def _open(self) -> mmap.mmap | None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._map = self._inode = None
            return None
        try:
            status = os.fstat(fd)
            inode = (status.st_dev, status.st_ino)
            if inode != self._inode:
                self._map = self._inode = None
                if status.st_size < HEADER_SIZE:
                    return None
                self._map = mmap.mmap(fd, status.st_size, prot=mmap.PROT_READ)
                self._inode = inode
        finally:
            os.close(fd)
        return self._map

    def _shape(self, page: mmap.mmap) -> tuple[int, int] | None:
        magic, version, _, _, workers, rows, *_ = _HEADER.unpack_from(page, 0)
        if magic != MAGIC or version != VERSION or len(page) != page_size(workers, rows):
            return None
        return workers, rows

    def read(self) -> Counters | None:
        """The counters now; None when no responder has written any."""
        page = self._open()
        if page is None or (shape := self._shape(page)) is None:
            return None
        (
            _,
            _,
            _,
            pid,
            _,
            _,
            _,
            started,
            updated,
            replaced,
            per_second,
            per_minute,
            _,
            _,
            port,
            v4,
            v6,
            precision,
            text,
        ) = _HEADER.unpack_from(page, 0)
        workers = []
        for index in range(shape[0]):
            fields = _BLOCK.unpack_from(page, HEADER_SIZE + index * BLOCK_SIZE)
            if not fields[44]:
                continue
            workers.append(
                WorkerCount(
                    family=fields[44],
                    running=bool(fields[45]),
                    turns=fields[0],
                    verdicts=fields[1:17],
                    versions=fields[17:25],
                    modes=fields[25:33],
                    batches=fields[33],
                    interleaved=fields[34],
                    authenticated=fields[35],
                    unstamped=fields[36],
                    overflowed=fields[37],
                    unlisted=fields[38],
                    send_delay_ns=fields[39],
                    chunk_delay_ns=fields[40],
                    send_each_ns=fields[41],
                    started=fields[42],
                    error=fields[43],
                    hardware=fields[46],
                )
            )
        return Counters(
            pid=pid,
            started_ns=started,
            updated_s=(time.monotonic_ns() - updated) / 1e9,
            workers=tuple(workers),
            replaced=replaced,
            per_second=per_second,
            per_minute=per_minute,
            port=port,
            ipv4=bool(v4),
            ipv6=bool(v6),
            precision=precision,
            problem=text.rstrip(b"\0").decode("utf-8", "replace"),
        )

    def _rows(self) -> Iterator[Client]:
        page = self._open()
        if page is None or (shape := self._shape(page)) is None:
            return
        start = HEADER_SIZE + shape[0] * BLOCK_SIZE
        now = time.monotonic_ns()
        for offset in range(start, len(page), ROW_SIZE):
            row = _ROW.unpack_from(page, offset)
            key, low, last, _, interval, requests, dropped, first, _, version_mode, flags, _ = row
            # A worker may be writing: what is half-way is left out, and seen the next time.
            if last == 0 or requests == 0 or page[offset : offset + 8] != key.to_bytes(8, sys.byteorder):
                continue
            if flags & FLAG_IPV6:
                address = str(ipaddress.IPv6Address(key << 64 | low))
            else:
                address = str(ipaddress.IPv4Address(key & 0xFFFFFFFF))
            yield Client(
                address=address,
                requests=requests,
                dropped=dropped,
                first_s=max(0.0, now / 1e9 - first),
                last_s=max(0.0, (now - last) / 1e9),
                interval_s=interval / 1e9,
                version=version_mode >> 3,
                mode=version_mode & 7,
                authenticated=bool(flags & FLAG_AUTHENTICATED),
                interleaved=bool(flags & FLAG_INTERLEAVED),
            )

    def clients(self, most: int = 20) -> list[Client]:
        """Top talkers, busiest first."""
        return sorted(self._rows(), key=lambda client: client.requests, reverse=True)[:most]

    def recent(self, most: int = 1000) -> list[Client]:
        """Who was heard last, the most recent first."""
        return sorted(self._rows(), key=lambda client: client.last_s)[:most]
