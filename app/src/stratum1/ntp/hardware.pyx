# SPDX-License-Identifier: MIT
"""The table of interfaces that stamp packets themselves, as Python fills and tests it."""

from libc.string cimport memset

from typing import NamedTuple


class NicClock(NamedTuple):
    """One interface: both clocks at one instant in ns, the kernel's gain in s/s, and ns that an octet takes."""

    interface: int
    counter_ns: int
    kernel_ns: int
    gain: float = 0.0
    octet_ns: float = 0.0


cdef class NicTable:
    def __cinit__(self):
        memset(&self.shared, 0, sizeof(nic_table))

    def publish(self, clocks) -> None:
        """These are all that stamp from now on; more than NICS are left out."""
        cdef nic_table next
        cdef nic_clock *row
        memset(&next, 0, sizeof(nic_table))
        for clock in clocks[:NICS]:
            row = &next.rows[next.count]
            row.interface = clock.interface
            row.counter_ns = clock.counter_ns
            row.kernel_ns = clock.kernel_ns
            row.gain = clock.gain
            row.octet_ns = clock.octet_ns
            next.count += 1
        nics_publish(&self.shared, &next)

    def received_ns(self, int interface, long long counter_ns, long long kernel_ns, *, int payload, bint ipv6) -> int:
        """The receive stamp that a worker would take: the interface's, or the kernel's `kernel_ns` (0 = none)."""
        cdef nic_table mine
        cdef const nic_clock *nic
        cdef long long converted
        memset(&mine, 0, sizeof(nic_table))
        nics_refresh(&self.shared, &mine)
        nic = nic_find(&mine, interface)
        if nic == NULL:
            return kernel_ns
        converted = nic_received_ns(nic, counter_ns, payload, ipv6)
        return converted if nic_credible(converted, kernel_ns) else kernel_ns
