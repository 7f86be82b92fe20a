# SPDX-License-Identifier: MIT
"""Under which addresses this machine is found, without sending anything or starting a program."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_IFF_UP = 0x1
_IFF_LOOPBACK = 0x8


@dataclass(frozen=True, slots=True)
class Address:
    interface: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address

    @property
    def text(self) -> str:
        return str(self.address)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Lower is what a person would rather type: IPv4, then global, then link-local; wired before others."""
        local = self.address.is_link_local
        kind = 3 if self.address.version == 6 and local else 2 if local else 0 if self.address.version == 4 else 1
        return kind, 0 if self.interface.startswith(("eth", "en")) else 1, self.interface


class _IfAddrs(ctypes.Structure):
    pass


_IfAddrs._fields_ = [
    ("next", ctypes.POINTER(_IfAddrs)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
    ("netmask", ctypes.c_void_p),
    ("broadcast", ctypes.c_void_p),
    ("data", ctypes.c_void_p),
]


def _read() -> Iterator[Address]:
    """getifaddrs(3) without what is down or loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    first = ctypes.POINTER(_IfAddrs)()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        return
    try:
        entry = first
        while entry:
            item = entry.contents
            entry = item.next
            if not item.flags & _IFF_UP or item.flags & _IFF_LOOPBACK or not item.address:
                continue
            name = item.name.decode("utf-8", "replace")
            # struct sockaddr_in: family, port, address; sockaddr_in6: family, port, flow label, address.
            family = int.from_bytes(ctypes.string_at(item.address, 2), sys.byteorder)
            if family == socket.AF_INET:
                yield Address(name, ipaddress.IPv4Address(ctypes.string_at(item.address + 4, 4)))
            elif family == socket.AF_INET6:
                yield Address(name, ipaddress.IPv6Address(ctypes.string_at(item.address + 8, 16)))
    finally:
        libc.freeifaddrs(first)


def own_addresses() -> tuple[Address, ...]:
    """The machine's addresses, the most useful first; empty with no network.  Loopback is left out."""
    try:
        found = set(_read())
    except OSError:
        return ()
    return tuple(sorted(found, key=lambda item: (item.rank, item.address.packed)))
