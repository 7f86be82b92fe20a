# SPDX-License-Identifier: MIT
"""The responder's sockets: every address of a family, one socket per worker, errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

from stratum1.ntp.sockets import set_timeout, stamp, steer

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Bytes; holds what comes in while the scheduler lets a worker wait."""
TIMEOUT_MS = 500
"""How long a worker may sleep without looking at its stop flag."""

_SO_RXQ_OVFL = 40
_SO_RCVBUFFORCE = 33
IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_PROBE = 3


class ListenError(Exception):
    """One line: what is wrong with the port and what to do."""


def holder(port: int, proc: Path = Path("/proc")) -> str:
    """Who has the UDP port, as "chronyd (pid 123)"; empty when it cannot be told (it takes root to see others)."""
    inodes = set()
    for table in ("udp", "udp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for folder in proc.glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in inodes for fd in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text(encoding='utf-8').strip()} (pid {folder.name})"
        except OSError:
            continue
    return ""


def _explain(error: OSError, port: int, family: str) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        who = holder(port) or "another program"
        return ListenError(
            f"UDP port {port} is taken by {who}: stop it (a time service such as chronyd, ntpd or systemd-timesyncd "
            f"must not run beside this one), or set ntp.port"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ListenError(
            f"UDP port {port} needs CAP_NET_BIND_SERVICE: run as root or by the supervisor, or set ntp.port"
        )
    return ListenError(f"UDP port {port} cannot be opened on {family}: {error.strerror}")


def _bind(family: int, port: int, *, shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    except OSError:
        sock.close()
        raise
    return sock


def _try(sock: socket.socket, level: int, option: int, value: int) -> None:
    """An option that is good to have, not needed."""
    with contextlib.suppress(OSError):
        sock.setsockopt(level, option, value)


def _prepare(sock: socket.socket) -> bool:
    """Everything but the address; whether the kernel stamps what comes in."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        # An answer is smaller than any MTU in use, so a "packet too big" about one is forged: ignore those.  Don't
        # Fragment also spares the kernel the choice of an unpredictable identification, 4 % of an answer's cost.
        _try(sock, socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)
    _try(sock, socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:
        _try(sock, socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    set_timeout(sock.fileno(), TIMEOUT_MS)
    return stamp(sock.fileno())


def open_family(family: int, port: int, count: int, *, first: bool) -> list[tuple[socket.socket, bool]]:
    """`count` sockets that share `port` on every address of `family`, each with whether it has kernel stamps.

    `first` says that nobody of ours has the port yet, so that a program that has it is found out: sharing would
    let two of the same user answer side by side.  ListenError is one line.
    """
    name = "IPv6" if family == socket.AF_INET6 else "IPv4"
    opened: list[tuple[socket.socket, bool]] = []
    try:
        if first:
            _bind(family, port, shared=False).close()
        for _ in range(count):
            sock = _bind(family, port, shared=True)
            opened.append((sock, False))
            opened[-1] = (sock, _prepare(sock))
        if count > 1:
            steer(opened[0][0].fileno(), count, family == socket.AF_INET6)
    except OSError as error:
        for sock, _ in opened:
            sock.close()
        raise _explain(error, port, name) from None
    return opened
