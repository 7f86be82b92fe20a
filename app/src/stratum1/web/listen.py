# SPDX-License-Identifier: MIT
"""The listening socket of the page, with one clear line when it cannot be had."""

from __future__ import annotations

import errno
import socket

GONE_AFTER_MS = 15_000
"""A viewer whose network went away holds its connection no longer than this."""


class ListenError(Exception):
    """One line: what is wrong and what would help."""


def listen(address: str, port: int, setting: str = "web.port") -> socket.socket:
    """A TCP socket that listens on `address`; `::` takes IPv4 too and means 0.0.0.0 on a machine without IPv6.

    ListenError names the `setting` that chooses the port.
    """
    try:
        return _open(address, port)
    except OSError as error:
        if address == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
            return listen("0.0.0.0", port, setting)
        raise ListenError(_why(error, address, port, setting)) from None


def _open(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit this one.
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER_MS)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((address, port))
        # Two programs may bind one port, only one may listen: the second learns it here and not later.
        server.listen(64)
    except BaseException:
        server.close()
        raise
    return server


def _why(error: OSError, address: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"TCP port {port} is taken by another program: stop that program or set {setting} to a free port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to open TCP port {port}: start as root or set {setting} to 1024 or more"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"web.address {address} is no address of this machine: set it to one of its own, or to ::"
    return f"cannot listen on {address} port {port}: {error.strerror}"
