# SPDX-License-Identifier: MIT
"""The bounded table of clients: one row per IPv4 address or IPv6 /64, in memory that readers share.

Rows lie in sets of WAYS; the set is chosen by a keyed hash, so nobody outside can aim at one.  A new
address takes an empty row, or one whose client is worth least: `weight` counts the 16 s intervals in
which a client was heard, and only a client heard in one interval alone, or not for an hour, gives way.
A flood of invented addresses therefore pushes out invented addresses.  Who finds no row is answered
without one: an answer is never longer than its request, so nothing is gained by being unlisted.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    WAYS = 4
    ROW_IPV6 = 1             # flags
    ROW_AUTHENTICATED = 2
    ROW_INTERLEAVED = 4

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    /* One cache line; written by one worker, read by anybody (each field whole, the row not). */
    typedef struct {
        uint64_t key;            /* IPv4 address, or the upper half of the IPv6 address; host order */
        uint64_t low;            /* lower half of the IPv6 address last heard; 0 for IPv4 */
        int64_t last_ns;         /* CLOCK_MONOTONIC; 0 = the row is free */
        int64_t due_ns;          /* CLOCK_MONOTONIC at which the rate's bucket is full again */
        int64_t interval_ns;     /* between requests, smoothed; 0 after the first */
        uint64_t requests;
        uint32_t dropped;
        uint32_t first_s;        /* CLOCK_MONOTONIC, seconds */
        uint16_t weight;
        uint8_t version_mode;    /* VN << 3 | mode of the last request */
        uint8_t flags;
        uint32_t spare;
    } client_row;

    _Static_assert(sizeof(client_row) == 64, "the layout is public: 64 bytes");

    #define CLIENT_IDLE_NS 3600000000000LL
    #define CLIENT_INTERVAL 34           /* 2**34 ns = 17 s */

    static inline uint64_t client_hash(uint64_t key, const uint64_t *secret)
    {
        unsigned __int128 m = (unsigned __int128)(key ^ secret[0]) * (secret[1] | 1u);
        return (uint64_t)m ^ (uint64_t)(m >> 64);
    }

    /* The row of `key`, made when there is room for it; NULL when there is none to have. */
    static inline client_row *client_find(client_row *rows, uint32_t sets_mask, const uint64_t *secret,
                                          uint64_t key, int64_t now_ns)
    {
        client_row *set = rows + (client_hash(key, secret) & sets_mask) * 4;
        client_row *give = 0;
        for (int i = 0; i < 4; i++) {
            client_row *row = set + i;
            if (row->last_ns == 0) {
                if (!give || give->last_ns != 0)
                    give = row;
            } else if (row->key == key) {
                if ((row->last_ns >> CLIENT_INTERVAL) != (now_ns >> CLIENT_INTERVAL) && row->weight != 65535)
                    row->weight++;
                row->interval_ns += (now_ns - row->last_ns - row->interval_ns) / (row->requests > 8 ? 8 : 2);
                row->last_ns = now_ns;
                return row;
            } else if ((row->weight <= 1 || now_ns - row->last_ns > CLIENT_IDLE_NS)
                       && (!give || (give->last_ns != 0 && row->last_ns < give->last_ns)))
                give = row;
        }
        if (give) {
            memset(give, 0, sizeof *give);
            give->key = key;
            give->first_s = (uint32_t)(now_ns / 1000000000LL);
            give->weight = 1;
            give->due_ns = now_ns;
            give->last_ns = now_ns;
        }
        return give;
    }
    """
    ctypedef struct client_row:
        uint64_t key
        uint64_t low
        int64_t last_ns
        int64_t due_ns
        int64_t interval_ns
        uint64_t requests
        uint32_t dropped
        uint32_t first_s
        uint16_t weight
        uint8_t version_mode
        uint8_t flags

    uint64_t client_hash(uint64_t key, const uint64_t *secret) noexcept nogil
    client_row *client_find(client_row *rows, uint32_t sets_mask, const uint64_t *secret,
                            uint64_t key, int64_t now_ns) noexcept nogil


cdef struct client_table:
    client_row *rows
    uint32_t sets_mask       # sets - 1, a power of two less one
    uint64_t secret[2]


cdef inline bint rate_allows(client_row *row, int64_t interval_ns, int64_t burst_ns, int64_t now_ns) noexcept nogil:
    """A bucket that leaks one request per `interval_ns` and holds `burst_ns` worth of them."""
    cdef int64_t due = row.due_ns
    if due < now_ns:
        due = now_ns
    if due - now_ns > burst_ns:
        return False
    row.due_ns = due + interval_ns
    return True
