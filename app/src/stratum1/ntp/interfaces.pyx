# SPDX-License-Identifier: MIT
"""The addresses of this machine's interfaces, with their networks: getifaddrs(3)."""

import ipaddress
from libc.errno cimport errno
from typing import NamedTuple

cdef extern from "<ifaddrs.h>" nogil:
    cdef struct sockaddr:
        unsigned short sa_family
    cdef struct ifaddrs:
        ifaddrs *ifa_next
        char *ifa_name
        unsigned int ifa_flags
        sockaddr *ifa_addr
        sockaddr *ifa_netmask
        sockaddr *ifa_broadaddr
    int getifaddrs(ifaddrs **list)
    void freeifaddrs(ifaddrs *list)

cdef extern from "<net/if.h>":
    enum: IFF_UP
    enum: IFF_BROADCAST

cdef extern from "<sys/socket.h>":
    enum: AF_INET
    enum: AF_INET6


class Interface(NamedTuple):
    """One address of one interface that is up."""

    name: str
    address: ipaddress.IPv4Interface | ipaddress.IPv6Interface
    broadcast: str      # subnet broadcast address; empty where there is none


cdef bytes _raw(const sockaddr *address):
    cdef const char *start = <const char *>address
    if address.sa_family == AF_INET:
        return start[4:8]
    return start[8:24]


def interfaces() -> list[Interface]:
    """All IPv4 and IPv6 addresses of interfaces that are up; OSError when the kernel does not tell."""
    cdef ifaddrs *first = NULL
    cdef ifaddrs *one
    found = []
    if getifaddrs(&first) != 0:
        raise OSError(errno, "getifaddrs failed")
    try:
        one = first
        while one != NULL:
            if (
                one.ifa_addr != NULL and one.ifa_netmask != NULL and one.ifa_flags & IFF_UP
                and one.ifa_addr.sa_family in (AF_INET, AF_INET6)
            ):
                address = ipaddress.ip_address(_raw(one.ifa_addr))
                prefix = bin(int.from_bytes(_raw(one.ifa_netmask), "big")).count("1")
                broadcast = ""
                if one.ifa_addr.sa_family == AF_INET and one.ifa_flags & IFF_BROADCAST and one.ifa_broadaddr != NULL:
                    broadcast = str(ipaddress.ip_address(_raw(one.ifa_broadaddr)))
                found.append(
                    Interface(one.ifa_name.decode("utf-8", "replace"), ipaddress.ip_interface((address, prefix)), broadcast)
                )
            one = one.ifa_next
    finally:
        freeifaddrs(first)
    return found
