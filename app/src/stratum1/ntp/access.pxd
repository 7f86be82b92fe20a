# SPDX-License-Identifier: MIT
"""Who is answered: networks, and the rest of what settings say about answers.

A policy is never changed once a worker may see it; a new one takes its place (see access.pyx).
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from stratum1.ntp.auth cimport key_table
from stratum1.tracking.page cimport tracking_page

cdef enum:
    NETWORKS = 64


cdef struct network:
    uint64_t high
    uint64_t low
    uint64_t high_mask
    uint64_t low_mask


cdef struct policy:
    uint64_t serial              # no two policies have the same
    bint everyone
    int allowed_count
    int local_count
    network allowed[NETWORKS]
    network local[NETWORKS]
    int64_t rate_interval_ns     # 0 = no limit
    int64_t rate_burst_ns
    bint silent_before_first_lock
    bint interleaved
    bint crypto_nak
    bint control
    uint32_t sole_v4             # the machine's only IPv4 address beside 127.0.0.1; 0 = there are several
    int64_t smear_at_ns          # the leap that is smeared; 0 = none
    int smear_sign               # +1 for an inserted second, -1 for a deleted one
    const key_table *keys        # NULL = no keys
    const tracking_page *tracking    # NULL = no page yet


cdef inline bint in_networks(const network *networks, int count, uint64_t high, uint64_t low) noexcept nogil:
    cdef int i
    for i in range(count):
        if (high & networks[i].high_mask) == networks[i].high and (low & networks[i].low_mask) == networks[i].low:
            return True
    return False


cdef class Policy:
    """Owns a policy and all that it points to."""

    cdef policy c
    cdef object _keep

    cdef const policy *address(self) noexcept
