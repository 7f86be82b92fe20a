# SPDX-License-Identifier: MIT
"""Under which addresses this machine is found, without sending anything or starting a program."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_IFF_UP = 0x1
_IFF_LOOPBACK = 0x8

# linux/netlink.h, rtnetlink.h, if_addr.h and if_link.h; getifaddrs(3) asks the same, but would want ctypes for it.
_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length, type
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTM_GETLINK, _RTM_GETADDR = 18, 22
_IFLA_IFNAME = 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_LARGEST = 65_536
"""Bytes; the kernel fills half of it at most in one answer."""
_PATIENCE_S = 2.0


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


def _dump(kernel: socket.socket, request: int, header: struct.Struct) -> Iterator[tuple[Any, dict[int, bytes]]]:
    """Header and attributes of each message that answers an RTM_GET... request for all of them (rtnetlink(7))."""
    body = bytes(header.size)
    kernel.send(_MESSAGE.pack(_MESSAGE.size + len(body), request, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0) + body)
    while True:
        answer = kernel.recv(_LARGEST)
        while len(answer) >= _MESSAGE.size:
            length, kind = _MESSAGE.unpack_from(answer)[:2]
            if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < _MESSAGE.size:
                return
            message, answer = answer[_MESSAGE.size : length], answer[_aligned(length) :]
            yield header.unpack_from(message), _attributes(message[header.size :])


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = data[_ATTRIBUTE.size : length]
        data = data[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return length + 3 & ~3


def _read() -> Iterator[Address]:
    """All addresses that the kernel tells of, without those of what is down or loopback."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_PATIENCE_S)
        names = {}
        for (_family, _kind, index, flags, _change), said in _dump(kernel, _RTM_GETLINK, _LINK):
            if flags & _IFF_UP and not flags & _IFF_LOOPBACK:
                names[index] = said[_IFLA_IFNAME].rstrip(b"\0").decode("utf-8", "replace")
        for (family, _prefix, _flags, _scope, index), said in _dump(kernel, _RTM_GETADDR, _ADDRESS):
            # At the end of a tunnel IFA_ADDRESS is the other end, and IFA_LOCAL is here.
            packed = said.get(_IFA_LOCAL, said.get(_IFA_ADDRESS))
            if index not in names or packed is None:
                continue
            if family == socket.AF_INET:
                yield Address(names[index], ipaddress.IPv4Address(packed))
            elif family == socket.AF_INET6:
                yield Address(names[index], ipaddress.IPv6Address(packed))


def own_addresses() -> tuple[Address, ...]:
    """The machine's addresses, the most useful first; empty with no network.  Loopback is left out."""
    try:
        found = set(_read())
    except OSError:
        return ()
    return tuple(sorted(found, key=lambda item: (item.rank, item.address.packed)))
