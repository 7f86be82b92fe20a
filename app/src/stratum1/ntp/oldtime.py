# SPDX-License-Identifier: MIT
"""The Time protocol (RFC 868, TCP and UDP port 37) and the Daytime protocol (RFC 867, TCP port 13).

Whole seconds for old devices.  Both are silent while time is not known: a TCP connection is closed with nothing said.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from stratum1.timescale import NS_PER_S, NTP_UNIX_OFFSET_S

TIME_PORT, DAYTIME_PORT = 37, 13
MOST_A_SECOND = 50


def time_reply(utc_ns: int) -> bytes:
    """Seconds since 1900 as 32 bits, which begin anew on 2036-02-07 (RFC 868)."""
    return ((utc_ns // NS_PER_S + NTP_UNIX_OFFSET_S) & 0xFFFFFFFF).to_bytes(4, "big")


def daytime_reply(utc_ns: int) -> bytes:
    """One line of UTC that people and programs can read (RFC 867 leaves the form open)."""
    return time.strftime("%a %b %d %H:%M:%S %Y UTC\r\n", time.gmtime(utc_ns // NS_PER_S)).encode("ascii")


@dataclass(frozen=True, slots=True)
class Door:
    sock: socket.socket
    reply: Callable[[int], bytes]

    def fileno(self) -> int:
        return self.sock.fileno()


class OldTime:
    """`now` gives served UTC in ns, or None while it is not known; `allows` says who is answered."""

    def __init__(self, now: Callable[[], int | None], allows: Callable[[str], bool]) -> None:
        self._now = now
        self._allows = allows
        self._second = 0
        self._left = 0
        self.doors: list[Door] = []
        self.problem = ""

    def open(self, *, time_protocol: bool, daytime_protocol: bool, families: tuple[int, ...]) -> None:
        """Listen to what is asked for and close the rest; what cannot be opened is told in `problem`."""
        self.close()
        wanted: list[tuple[int, int, Callable[[int], bytes]]] = []
        if time_protocol:
            wanted += [(TIME_PORT, socket.SOCK_STREAM, time_reply), (TIME_PORT, socket.SOCK_DGRAM, time_reply)]
        if daytime_protocol:
            wanted += [(DAYTIME_PORT, socket.SOCK_STREAM, daytime_reply)]
        for port, kind, reply in wanted:
            for family in families:
                sock = socket.socket(family, kind | socket.SOCK_NONBLOCK)
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
                    if kind == socket.SOCK_STREAM:
                        sock.listen(16)
                except OSError as error:
                    sock.close()
                    self.problem = f"port {port} cannot be opened: {error.strerror}; the old time protocols lack it"
                    continue
                self.doors.append(Door(sock, reply))

    def close(self) -> None:
        for door in self.doors:
            door.sock.close()
        self.doors = []
        self.problem = ""

    def serve(self, door: Door) -> None:
        """Answer one who waits at the door; at most MOST_A_SECOND in all."""
        with contextlib.suppress(OSError):
            if door.sock.type == socket.SOCK_DGRAM:
                _, peer = door.sock.recvfrom(16)
                if answer := self._answer(door, peer[0]):
                    door.sock.sendto(answer, socket.MSG_DONTWAIT, peer)
                return
            caller, peer = door.sock.accept()
            with caller:
                caller.setblocking(False)
                if answer := self._answer(door, peer[0]):
                    caller.send(answer)

    def _answer(self, door: Door, address: str) -> bytes:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, MOST_A_SECOND
        now = self._now()
        if now is None or not self._left or not self._allows(address.partition("%")[0]):
            return b""
        self._left -= 1
        return door.reply(now)
