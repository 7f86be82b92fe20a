# SPDX-License-Identifier: MIT
"""Stamps of network interfaces, told in kernel time: a small table that the main thread renews and workers read.

A row says what an interface's counter (its PTP clock) and the kernel clock read at one instant, and how much faster the
latter runs.  A row that has not been renewed for ten seconds counts for nothing.
"""

from libc.stdint cimport int64_t, uint32_t

cdef extern from *:
    """
    #include <stdatomic.h>
    #include <stdint.h>
    #include <string.h>

    #define NICS 8
    #define NIC_STALE_NS 10000000000LL
    #define NIC_LATEST_NS 50000000LL     /* the kernel stamps at most so long after the interface did */
    #define NIC_EARLIEST_NS 2000LL       /* and never before it, but for the error of the conversion */

    typedef struct {
        uint32_t interface;              /* index */
        uint32_t spare;
        int64_t counter_ns, kernel_ns;   /* both at one instant */
        double gain;                     /* what the kernel clock gains on the counter, s/s */
        double octet_ns;                 /* how long one octet is on the wire; 0 = not known */
    } nic_clock;

    typedef struct {
        uint32_t sequence;               /* odd while the writer is at work */
        uint32_t count;
        nic_clock rows[NICS];
    } nic_table;

    static inline void nics_publish(nic_table *shared, const nic_table *next)
    {
        uint32_t sequence = shared->sequence;
        __atomic_store_n(&shared->sequence, sequence + 1, __ATOMIC_RELAXED);
        atomic_thread_fence(memory_order_release);
        shared->count = next->count;
        memcpy(shared->rows, next->rows, sizeof shared->rows);
        __atomic_store_n(&shared->sequence, sequence + 2, __ATOMIC_RELEASE);
    }

    /* Take over the newest rows; while the writer is at work the old ones stay in force. */
    static inline void nics_refresh(const nic_table *shared, nic_table *mine)
    {
        nic_table copy;
        uint32_t before = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
        if (before == mine->sequence || before & 1)
            return;
        memcpy(&copy, shared, sizeof copy);
        atomic_thread_fence(memory_order_acquire);
        if (__atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) == before) {
            *mine = copy;
            mine->sequence = before;
        }
    }

    static inline const nic_clock *nic_find(const nic_table *nics, uint32_t interface)
    {
        for (uint32_t i = 0; i < nics->count && i < NICS; i++)
            if (nics->rows[i].interface == interface)
                return &nics->rows[i];
        return 0;
    }

    /* The kernel clock when the interface's counter read `counter_ns`; 0 when that cannot be told. */
    static inline int64_t nic_kernel_ns(const nic_clock *nic, int64_t counter_ns)
    {
        int64_t passed = counter_ns - nic->counter_ns;
        if (counter_ns == 0 || passed > NIC_STALE_NS || passed < -NIC_STALE_NS)
            return 0;
        return nic->kernel_ns + passed + (int64_t)((double)passed * nic->gain);
    }

    /* When the last octet of a datagram came in.  Interfaces stamp its beginning; what a switch stores and forwards,
     * and what a client without such stamps sees, is its end (as in RFC 5905's idea of a receive stamp).  The frame is
     * Ethernet's 14 octets, the IP header without options, UDP's 8, the payload, and 4 of checksum. */
    static inline int64_t nic_received_ns(const nic_clock *nic, int64_t counter_ns, uint32_t payload, int ipv6)
    {
        int64_t start = nic_kernel_ns(nic, counter_ns);
        return start ? start + (int64_t)(nic->octet_ns * (14 + (ipv6 ? 40 : 20) + 8 + payload + 4)) : 0;
    }

    /* Whether a converted stamp fits the kernel's own of the same datagram, which comes later. */
    static inline int nic_credible(int64_t converted_ns, int64_t kernel_ns)
    {
        int64_t later = kernel_ns - converted_ns;
        return converted_ns != 0 && (kernel_ns == 0 || (later >= -NIC_EARLIEST_NS && later <= NIC_LATEST_NS));
    }
    """
    enum: NICS
    ctypedef struct nic_clock:
        uint32_t interface
        int64_t counter_ns
        int64_t kernel_ns
        double gain
        double octet_ns
    ctypedef struct nic_table:
        uint32_t sequence
        uint32_t count
        nic_clock rows[8]

    void nics_publish(nic_table *shared, const nic_table *next) noexcept nogil
    void nics_refresh(const nic_table *shared, nic_table *mine) noexcept nogil
    const nic_clock *nic_find(const nic_table *nics, uint32_t interface) noexcept nogil
    int64_t nic_kernel_ns(const nic_clock *nic, int64_t counter_ns) noexcept nogil
    int64_t nic_received_ns(const nic_clock *nic, int64_t counter_ns, uint32_t payload, int ipv6) noexcept nogil
    int nic_credible(int64_t converted_ns, int64_t kernel_ns) noexcept nogil


cdef class NicTable:
    """The shared table; workers keep a reference as long as they may read it."""

    cdef nic_table shared
