# SPDX-License-Identifier: MIT
"""A file of fixed size for each span, whose slots follow from the time itself, so that there is no head to lose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stratum1.history.record import RECORD_SIZE, Bucket, Record, Sample
from stratum1.timescale import NS_PER_S


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    step_s: int
    """One record covers so many seconds of UTC."""
    slots: int

    @property
    def length_s(self) -> int:
        return self.step_s * self.slots


class Ring:
    """The file of one span."""

    def __init__(self, path: Path, span: Span) -> None:
        self.span = span
        self._path = path
        self._bucket: Bucket | None = None
        self._unwritten: dict[int, Record] = {}

    def add(self, sample: Sample) -> bool:
        """True when an interval has been completed by this."""
        start = sample.utc_ns // NS_PER_S // self.span.step_s * self.span.step_s
        done = self._bucket is not None and self._bucket.start_s != start
        if done:
            self._keep()
        if self._bucket is None or done:
            self._bucket = Bucket(start)
            before = self._unwritten.get(self._slot(start)) or self._stored(self._slot(start))
            if before is not None and before.start_s == start:
                self._bucket.resume(before)
        self._bucket.add(sample)
        return done

    def flush(self) -> None:
        """Write what is not in the file yet; OSError when it cannot be written, and nothing is lost then."""
        self._keep()
        if not self._unwritten:
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            for slot, record in sorted(self._unwritten.items()):
                os.pwrite(fd, record.pack(), slot * RECORD_SIZE)
        finally:
            os.close(fd)
        self._unwritten.clear()

    def records(self, until_s: int) -> list[Record]:
        """What is known of the span that ends at `until_s` (UTC seconds), oldest first."""
        found = {slot: record for slot, record in enumerate(self._read()) if record is not None}
        found.update(self._unwritten)
        if self._bucket is not None:
            found[self._slot(self._bucket.start_s)] = self._bucket.record()
        first = until_s - self.span.length_s
        return sorted(
            (record for record in found.values() if first < record.start_s <= until_s), key=lambda each: each.start_s
        )

    def _slot(self, start_s: int) -> int:
        return start_s // self.span.step_s % self.span.slots

    def _keep(self) -> None:
        if self._bucket is not None:
            self._unwritten[self._slot(self._bucket.start_s)] = self._bucket.record()

    def _read(self) -> Iterator[Record | None]:
        try:
            raw = self._path.read_bytes()[: self.span.slots * RECORD_SIZE]
        except OSError:
            return
        for at in range(0, len(raw), RECORD_SIZE):
            yield Record.unpack(raw[at : at + RECORD_SIZE])

    def _stored(self, slot: int) -> Record | None:
        try:
            with self._path.open("rb") as file:
                file.seek(slot * RECORD_SIZE)
                return Record.unpack(file.read(RECORD_SIZE))
        except OSError:
            return None
