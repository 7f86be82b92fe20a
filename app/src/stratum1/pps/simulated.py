# SPDX-License-Identifier: MIT
"""Pulses of the simulated hat, from its socket."""

from __future__ import annotations

import os
import socket
import struct

from stratum1.pps.pulse import Pulse, PulseError, why


class SocketPulses:
    """Simulated pulses from a Unix stream socket: records of 32 bytes, see docs/architecture.md."""

    RECORD = 32
    captures_clear = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.previous: Pulse | None = None
        self._newest: Pulse | None = None
        self._partial = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(self.path)
        except BaseException:
            self._socket.close()
            raise

    def fetch(self) -> Pulse | None:
        """The next record, None when all are read; PulseError at the end of the stream."""
        while len(self._partial) < self.RECORD:
            try:
                got = self._socket.recv(4096)
            except BlockingIOError:
                return None
            except OSError as error:
                raise PulseError(f"{self.path}: {why(error.errno or 0)}") from None
            if not got:
                raise PulseError(f"{self.path}: the simulated hat has gone")
            self._partial += got
        pulse = parse_record(self._partial[: self.RECORD])
        self._partial = self._partial[self.RECORD :]
        self.previous, self._newest = self._newest, pulse
        return pulse

    def verify(self) -> None:
        """Nothing to ask: a stream tells its own end."""

    def fileno(self) -> int | None:
        """To wait on until there is something to fetch."""
        fd = self._socket.fileno()
        return fd if fd >= 0 else None

    def close(self) -> None:
        self._socket.close()


def parse_record(record: bytes) -> Pulse:
    """One record of the pulse socket."""
    assert_sequence, clear_sequence, assert_ns, clear_ns, _ = struct.unpack("=IIqqq", record)
    return Pulse(assert_sequence, assert_ns, clear_sequence, clear_ns)
