# SPDX-License-Identifier: MIT
"""The I2C bus as the panel needs it: bytes to an address, bytes back, and how long that takes."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

_COMMANDS = 0x00
_DATA = 0x40
# At 100 kHz, the Pi's default: nine clocks a byte.
_FIRST_GUESS_NS = 90_000


class Bus(Protocol):
    """One I2C bus; whatever goes wrong on it is an OSError."""

    def transfer(self, address: int, data: bytes, read: int = 0) -> bytes:
        """Write `data` to `address`, then, after a repeated start, read `read` bytes."""

    def close(self) -> None: ...


class KernelBus:
    """/dev/i2c-N through smbus2."""

    def __init__(self, device: Path) -> None:
        import smbus2

        self._message = smbus2.i2c_msg
        self._bus: Any = smbus2.SMBus(str(device))

    def transfer(self, address: int, data: bytes, read: int = 0) -> bytes:
        messages = [self._message.write(address, data)]
        if read:
            messages.append(self._message.read(address, read))
        self._bus.i2c_rdwr(*messages)
        return bytes(messages[-1]) if read else b""

    def close(self) -> None:
        self._bus.close()


def buses(dev: Path) -> Iterator[Path]:
    """The I2C devices that a panel may be wired to, the one of pins 3 and 5 first.

    From 10 on the numbers belong to cameras and to the HDMI plugs, whose far ends are not ours to talk to.
    """
    numbers = [int(m[1]) for p in dev.glob("i2c-*") if (m := re.fullmatch(r"i2c-(\d)", p.name))]
    for number in sorted(numbers, key=lambda n: (n != 1, n)):
        yield dev / f"i2c-{number}"


class Wire:
    """The serial interface that luma's devices want, for one address on a bus.

    `ns_per_byte` follows what transfers really took, so that a frame can be sent ahead of its second.
    """

    def __init__(self, bus: Bus, address: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._bus = bus
        self._clock = clock
        self.address = address
        self.ns_per_byte = _FIRST_GUESS_NS

    def command(self, *codes: int) -> None:
        self._write(bytes((_COMMANDS, *codes)))

    def data(self, data: bytes | list[int]) -> None:
        self._write(bytes((_DATA,)) + bytes(data))

    def status(self) -> int | None:
        """The controller's status byte; None when it does not answer a read."""
        try:
            return self._bus.transfer(self.address, bytes((_COMMANDS,)), 1)[0]
        except (OSError, IndexError):
            return None

    def read_back(self, position: tuple[int, ...], data: bytes) -> bytes:
        """Write display memory at `position` (commands) and read the same place: a dummy byte and what is there."""
        self.command(*position)
        self.data(data)
        self.command(*position)
        return self._bus.transfer(self.address, bytes((_DATA,)), len(data) + 1)

    def cleanup(self) -> None:
        """luma's word for the end; the bus is closed by who opened it."""

    def _write(self, data: bytes) -> None:
        start = self._clock()
        self._bus.transfer(self.address, data)
        taken = (self._clock() - start) // (len(data) + 1)  # the address is a byte as well
        if len(data) >= 16:
            self.ns_per_byte += (taken - self.ns_per_byte) // 8


def gone(error: OSError) -> str:
    """Why the bus failed, for a person."""
    if error.errno in (errno.ENXIO, errno.EREMOTEIO, errno.EIO):
        return "it no longer answers; check its plug"
    if error.errno in (errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY):
        return "the I2C bus hangs; check SDA and SCL"
    return error.strerror or str(error)
