# SPDX-License-Identifier: MIT
"""Where broadcast and multicast packets go: each interface's subnet, or a group on each interface."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from stratum1.ntp.interfaces import Interface


@dataclass(frozen=True, slots=True)
class Target:
    family: int
    address: bytes
    """struct sockaddr, as the kernel reads it."""
    control: bytes
    """Ancillary data: by which interface; empty = as routed."""


def _v4(address: str, port: int, index: int) -> Target:
    where = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, socket.inet_aton(address))
    control = b""
    if index:
        body = struct.pack("=i4s4s", index, bytes(4), bytes(4))
        control = _ancillary(socket.IPPROTO_IP, 8, body)
    return Target(socket.AF_INET, where, control)


def _v6(address: ipaddress.IPv6Address, port: int, index: int) -> Target:
    where = (
        struct.pack("=H", socket.AF_INET6) + struct.pack(">HI16s", port, 0, address.packed) + struct.pack("=I", index)
    )
    return Target(socket.AF_INET6, where, b"")


def _ancillary(level: int, kind: int, body: bytes) -> bytes:
    """One struct cmsghdr with its data, padded as CMSG_SPACE does."""
    head = struct.pack("@Nii", socket.CMSG_LEN(len(body)), level, kind)
    return (head + body).ljust(socket.CMSG_SPACE(len(body)), b"\0")


def targets(wanted: Iterable[str], interfaces: Iterable[Interface], port: int) -> list[Target]:
    """Where one round of packets goes; `wanted` is the setting ntp.broadcast."""
    usable = [item for item in interfaces if not item.address.ip.is_loopback]
    indices = {}
    for item in usable:
        try:
            indices[item.name] = socket.if_nametoindex(item.name)
        except OSError:
            continue  # gone since it was listed
    found: dict[Target, None] = {}
    for word in wanted:
        if word == "subnet":
            for item in usable:
                if item.broadcast:
                    found[_v4(item.broadcast, port, 0)] = None
            continue
        address = ipaddress.ip_address(word)
        if not address.is_multicast:
            found[_v4(word, port, 0) if address.version == 4 else _v6(ipaddress.IPv6Address(word), port, 0)] = None
            continue
        for item in usable:
            if item.address.version == address.version and item.name in indices:
                index = indices[item.name]
                found[
                    _v4(word, port, index) if address.version == 4 else _v6(ipaddress.IPv6Address(word), port, index)
                ] = None
    return list(found)
