# SPDX-License-Identifier: MIT
"""A serial device, raw, at a speed that can be changed."""

from __future__ import annotations

import os
import select
import termios
import tty
from pathlib import Path

BAUDS = (9600, 38400, 115200, 57600, 4800, 19200, 460800, 230400)
"""Speeds of GPS receivers, commonest first."""

_WRITE_S = 2.0


class SerialPort:
    """OSError when it cannot be opened, is no serial device or goes away."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            tty.setraw(self._fd)
            attributes = termios.tcgetattr(self._fd)
            # 8N1, no modem lines, and the speed stays when this end is closed: gpsd goes on from it.
            attributes[2] &= ~(termios.CSTOPB | termios.PARENB | termios.CRTSCTS | termios.HUPCL)
            attributes[2] |= termios.CLOCAL | termios.CREAD
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        except termios.error as error:
            self.close()
            raise OSError(error.args[0], error.args[1], str(path)) from None

    def set_baud(self, baud: int) -> None:
        try:
            attributes = termios.tcgetattr(self._fd)
            attributes[4] = attributes[5] = getattr(termios, f"B{baud}")
            termios.tcsetattr(self._fd, termios.TCSADRAIN, attributes)
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except termios.error as error:
            raise OSError(*error.args) from None

    def write(self, data: bytes) -> None:
        while data:
            if not select.select([], [self._fd], [], _WRITE_S)[1]:
                raise TimeoutError("the device takes no bytes")
            data = data[os.write(self._fd, data) :]

    def read(self, seconds: float) -> bytes:
        if not select.select([self._fd], [], [], max(0.0, seconds))[0]:
            return b""
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("the device has gone")
        return data

    def close(self) -> None:
        os.close(self._fd)
