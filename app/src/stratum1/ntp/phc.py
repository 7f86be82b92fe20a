# SPDX-License-Identifier: MIT
"""Interfaces that stamp packets by a clock of their own (a PTP clock), and how that clock stands to the kernel's.

Here is the slow part, once a second on the main thread: which interface has which /dev/ptpN (linux/ethtool.h), and both
clocks read together (linux/ptp_clock.h), the best way that the driver knows.  A machine without such an interface has
nothing to read.  Stamps are switched on elsewhere, by root (`stratum1 nic`).
"""

from __future__ import annotations

import fcntl
import os
import struct
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

from stratum1.ntp.hardware import NicClock, NicTable
from stratum1.pps.capture import Pairing, least_disturbed

Ioctl = Callable[[int, int, bytearray], None]

SIOCETHTOOL = 0x8946
_GET_TS_INFO = 0x41
_IFREQ = struct.Struct("@16sP16x")
_TS_INFO = struct.Struct("=IIiI28x")
_RX_HARDWARE, _RAW_HARDWARE = 1 << 2, 1 << 6

_TIME = struct.Struct("=qII")
SAMPLES = 5
PRECISE, EXTENDED, PLAIN = 0xC0403D08, 0xC4C03D09, 0x43403D05
_SIZES = {PRECISE: 64, EXTENDED: 1216, PLAIN: 832}


class ClockReadError(Exception):
    """Why a PTP clock cannot be read, in one line."""


def kernel_ioctl(fd: int, request: int, content: bytearray) -> None:
    """ioctl(2) that changes `content`; OSError."""
    fcntl.ioctl(fd, request, content, True)


def ask_device(sock: int, name: str, content: bytearray, ioctl: Ioctl) -> bytes:
    """What SIOCETHTOOL tells of the interface `name` in the structure `content`; OSError."""
    room = array("B", content)
    ioctl(sock, SIOCETHTOOL, bytearray(_IFREQ.pack(name.encode(), room.buffer_info()[0])))
    return room.tobytes()


def clock_of(answer: bytes) -> int | None:
    """N of the /dev/ptpN by which an interface stamps what it receives; None when it does not.  `answer` is a struct
    ethtool_ts_info."""
    _, stamping, index, _ = _TS_INFO.unpack_from(answer)
    can = _RX_HARDWARE | _RAW_HARDWARE
    return index if stamping & can == can and index >= 0 else None


def _times(content: bytes, start: int, count: int) -> list[int]:
    rows = (_TIME.unpack_from(content, start + 16 * i) for i in range(count))
    return [seconds * 1_000_000_000 + ns for seconds, ns, _ in rows]


def read_pair(content: bytes, way: int) -> tuple[int, int]:
    """(counter, kernel clock) in ns from what the ioctl `way` gave."""
    if way == PRECISE:
        device, system = _times(content, 0, 2)
        return device, system
    if way == EXTENDED:
        at = _times(content, 16, 3 * SAMPLES)
        return least_disturbed([(at[3 * i], at[3 * i + 1], at[3 * i + 2]) for i in range(SAMPLES)])
    at = _times(content, 16, 2 * SAMPLES + 1)
    return least_disturbed([(at[2 * i], at[2 * i + 1], at[2 * i + 2]) for i in range(SAMPLES)])


class PtpClock:
    """One open /dev/ptpN; OSError when it cannot be opened."""

    def __init__(self, path: Path, ioctl: Ioctl) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._path = path
        self._ioctl = ioctl
        self._ways = [PRECISE, EXTENDED, PLAIN]
        self._pairing: Pairing | None = None
        self._why: str | None = None

    def read(self) -> tuple[int, int, float]:
        """(counter, kernel clock, gain) now; ClockReadError."""
        while self._ways:
            content = bytearray(_SIZES[self._ways[0]])
            if self._ways[0] != PRECISE:
                content[:4] = SAMPLES.to_bytes(4, "little" if struct.pack("=H", 1)[0] else "big")
            try:
                self._ioctl(self._fd, self._ways[0], content)
            except OSError as error:
                self._why = error.strerror
                self._ways.pop(0)
                continue
            counter, kernel = read_pair(bytes(content), self._ways[0])
            if self._pairing is None:
                self._pairing = Pairing(counter, kernel)
                return counter, kernel, 0.0
            self._pairing.add(counter, kernel)
            # What one more second of the counter is, in kernel time.
            gain = (self._pairing.kernel_ns(counter + 1_000_000_000) - kernel - 1_000_000_000) / 1e9
            return counter, kernel, gain
        raise ClockReadError(f"{self._path} cannot be read together with the kernel clock: {self._why}")

    def close(self) -> None:
        os.close(self._fd)


class HardwareClocks:
    """Keeps `table` true.  `dev` and `sys` are the folders of that name; `ioctl` is the kernel's, or a test's."""

    def __init__(
        self, table: NicTable, dev: Path, sys: Path, say: Callable[[str], None], ioctl: Ioctl = kernel_ioctl
    ) -> None:
        self._table = table
        self._dev = dev
        self._sys = sys
        self._say = say
        self._ioctl = ioctl
        self._clocks: dict[int, PtpClock] = {}
        self._nics: list[tuple[int, int, float]] = []
        self._published: list[NicClock] = []
        self._said: set[str] = set()

    def look(self, interfaces: Iterable[tuple[int, str]], sock: int) -> None:
        """Find out which of the interfaces, (index, name), stamp by which clock; any socket will do for asking."""
        self._nics = []
        for index, name in interfaces:
            try:
                content = bytearray(_TS_INFO.pack(_GET_TS_INFO, 0, -1, 0))
                number = clock_of(ask_device(sock, name, content, self._ioctl))
            except OSError:
                continue  # most interfaces have nothing to tell
            if number is not None and self._open(number):
                self._nics.append((index, number, self._octet_ns(name)))
        used = {number for _, number, _ in self._nics}
        for number in [number for number in self._clocks if number not in used]:
            self._clocks.pop(number).close()
        self.refresh()

    def _open(self, number: int) -> bool:
        if number in self._clocks:
            return True
        path = self._dev / f"ptp{number}"
        try:
            self._clocks[number] = PtpClock(path, self._ioctl)
        except OSError as error:
            self._tell(f"{path}: {error.strerror}; the kernel's stamps are used")
            return False
        return True

    def _octet_ns(self, name: str) -> float:
        try:
            mbit = int((self._sys / "class" / "net" / name / "speed").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0.0
        return 8000 / mbit if mbit > 0 else 0.0

    def refresh(self) -> None:
        """Read the clocks anew; to be called once a second."""
        if not self._clocks and not self._published:
            return
        pairs = {}
        for number, clock in list(self._clocks.items()):
            try:
                pairs[number] = clock.read()
            except ClockReadError as error:
                self._tell(f"{error}; the kernel's stamps are used")
        self._published = [
            NicClock(index, *pairs[number], octet) for index, number, octet in self._nics if number in pairs
        ]
        self._table.publish(self._published)

    def _tell(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            self._say(problem)
