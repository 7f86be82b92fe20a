# SPDX-License-Identifier: MIT
"""What the responder counts, as bytes in shared memory (native byte order): a header, one block per
worker, then each worker's rows of clients (clients.pxd).  counters.py reads it.

Every block has one writer and needs no lock; a reader may see one number a moment older than the next.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    COUNTERS_MAGIC = 0x43315331      # "1S1C" in memory of a little-endian machine
    COUNTERS_VERSION = 1
    COUNTERS_HEADER = 512
    COUNTERS_BLOCK = 512

cdef extern from *:
    """
    #include <stdint.h>

    typedef struct {
        uint64_t turns;              /* times round the loop, also when nothing came */
        uint64_t verdicts[16];       /* packet.pxd */
        uint64_t versions[8];
        uint64_t modes[8];
        uint64_t batches;            /* recvmmsg calls that brought something */
        uint64_t interleaved;
        uint64_t authenticated;
        uint64_t unstamped;          /* requests without a kernel stamp */
        uint64_t overflowed;         /* requests lost because the socket's buffer was full */
        uint64_t unlisted;           /* answered without a row in the table */
        int64_t send_delay_ns;       /* learned: from the clock reading to the wire */
        int64_t chunk_delay_ns;      /* the same for the first of a chunk */
        int64_t send_each_ns;        /* learned: one message of a chunk */
        uint64_t started;            /* times this slot got a new thread */
        int64_t error;               /* errno that ended the last one */
        uint8_t family;              /* 4 or 6; 0 = the slot is not used */
        uint8_t running;
        uint8_t spare[6];
        uint64_t hardware;           /* requests with a stamp of the network interface */
        uint64_t room[18];
    } worker_counters;

    _Static_assert(sizeof(worker_counters) == 512, "the layout is public: 512 bytes");
    """
    ctypedef struct worker_counters:
        uint64_t turns
        uint64_t verdicts[16]
        uint64_t versions[8]
        uint64_t modes[8]
        uint64_t batches
        uint64_t interleaved
        uint64_t authenticated
        uint64_t unstamped
        uint64_t overflowed
        uint64_t unlisted
        int64_t send_delay_ns
        int64_t chunk_delay_ns
        int64_t send_each_ns
        uint64_t started
        int64_t error
        uint8_t family
        uint8_t running
        uint64_t hardware
