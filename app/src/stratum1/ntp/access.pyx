# SPDX-License-Identifier: MIT
"""Who is answered, from what the settings say."""

import ipaddress
import itertools
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint64_t
from libc.string cimport memset

from stratum1.ntp.auth cimport key_table
from stratum1.tracking.page cimport TRACKING_SIZE, tracking_page

LOCAL_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
    "::1/128", "fe80::/10", "fc00::/7",
)
"""What `local` always means (RFC 1122, 1918, 3927, 4193, 4291); the networks of the machine's own interfaces join them."""

_serials = itertools.count(1)


cdef int _fill(network *room, networks) except -1:
    cdef int count = 0
    cdef uint64_t ones = <uint64_t>0xffffffffffffffff
    for item in networks:
        if count == NETWORKS:
            break
        item = ipaddress.ip_network(item)
        if item.version == 4:
            address = int(item.network_address) | 0xffff00000000
            mask = int(item.netmask) | (0xffffffffffffffffffffffff << 32)
        else:
            address = int(item.network_address)
            mask = int(item.netmask)
        room[count].high = address >> 64
        room[count].low = address & ones
        room[count].high_mask = mask >> 64
        room[count].low_mask = mask & ones
        count += 1
    return count


def expand(allow, on_link=()) -> list[str]:
    """The networks that `allow` names, with `local` written out; without doubles, widest first."""
    found = set()
    for item in allow:
        if item == "local":
            found.update(ipaddress.ip_network(name) for name in LOCAL_NETWORKS)
            found.update(ipaddress.ip_network(name, strict=False) for name in on_link)
        else:
            found.add(ipaddress.ip_network(item))
    kept = []
    for item in sorted(found, key=lambda n: (n.version, n.prefixlen, n.network_address)):
        if not any(item.version == wider.version and item.subnet_of(wider) for wider in kept):
            kept.append(item)
    return [str(item) for item in kept]


cdef class Policy:
    """The rules of answering, made once and never changed; a reload makes a new one.

    allow: networks, with `local`; on_link: networks of the machine's own interfaces; rate_per_minute: 0 = no limit;
    keys: an auth.Keys; page: the mapped tracking page; smear: (UTC ns of the leap, +1 or -1); sole_address: the machine's
    only IPv4 address beside 127.0.0.1, from which the kernel then answers without being told.
    """

    def __init__(
        self, *, allow=("local",), on_link=(), everyone=False, rate_per_minute=0, rate_burst=64,
        silent_before_first_lock=False, interleaved=True, crypto_nak=False, control=True, keys=None, page=None,
        smear=None, sole_address=None,
    ):
        cdef const unsigned char[::1] view
        memset(&self.c, 0, sizeof(policy))
        allowed = expand(allow, on_link)
        if len(allowed) > NETWORKS:
            raise ValueError(f"{len(allowed)} networks are allowed, at most {NETWORKS} can be told apart")
        self.c.serial = next(_serials)
        self.c.everyone = everyone
        self.c.allowed_count = _fill(self.c.allowed, allowed)
        self.c.local_count = _fill(self.c.local, expand(("local",), on_link))
        if rate_per_minute:
            self.c.rate_interval_ns = 60_000_000_000 // rate_per_minute
            self.c.rate_burst_ns = self.c.rate_interval_ns * (rate_burst - 1)
        self.c.silent_before_first_lock = silent_before_first_lock
        self.c.interleaved = interleaved
        self.c.crypto_nak = crypto_nak
        self.c.control = control
        self.c.sole_v4 = int(ipaddress.IPv4Address(sole_address)) if sole_address else 0
        if keys is not None:
            self.c.keys = <const key_table *>PyCapsule_GetPointer(keys.table, b"stratum1.ntp.key_table")
        if page is not None:
            if len(page) != TRACKING_SIZE:
                raise ValueError(f"page: {len(page)} bytes, want {TRACKING_SIZE}")
            view = page
            self.c.tracking = <const tracking_page *>&view[0]
        if smear is not None:
            self.c.smear_at_ns, self.c.smear_sign = smear
        self._keep = (keys, page)

    cdef const policy *address(self) noexcept:
        return &self.c

    def allows(self, address) -> bool:
        """Whether a client at `address` is answered."""
        return bool(self.c.everyone) or _within(self.c.allowed, self.c.allowed_count, address)

    def local(self, address) -> bool:
        """Whether `address` is on one of the local networks (who may ask mode 6)."""
        return _within(self.c.local, self.c.local_count, address)


cdef bint _within(const network *networks, int count, address):
    address = ipaddress.ip_address(address)
    number = int(address) if address.version == 6 else int(address) | 0xffff00000000
    return in_networks(networks, count, number >> 64, number & 0xffffffffffffffff)
