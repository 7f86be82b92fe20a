# SPDX-License-Identifier: MIT
"""Which addresses this machine has, told by the kernel when they change (rtnetlink(7)) and looked at now and then."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from stratum1.ntp.interfaces import Interface

_LINK, _IPV4, _IPV6 = 0x1, 0x10, 0x100
_LOOPBACK = ipaddress.IPv4Address("127.0.0.1")


def sole_address(found: Iterable[Interface]) -> str:
    """The only IPv4 address beside 127.0.0.1, from which the kernel answers by itself; empty when there are more."""
    known = {item.address.ip for item in found if isinstance(item.address.ip, ipaddress.IPv4Address)}
    others = known - {_LOOPBACK}
    return str(others.pop()) if len(others) == 1 and _LOOPBACK in known else ""


class AddressWatch:
    """`socket` becomes readable when an interface or an address comes or goes; None where the kernel does not tell."""

    def __init__(self) -> None:
        self.socket: socket.socket | None = None
        try:
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            self.socket.bind((0, _LINK | _IPV4 | _IPV6))
        except OSError:
            if self.socket is not None:
                self.socket.close()
            self.socket = None

    def drain(self) -> None:
        """Throw away what was told: the addresses are read afresh, and a message lost among many is no loss."""
        try:
            while self.socket is not None:
                self.socket.recv(65536)
        except OSError:
            return
