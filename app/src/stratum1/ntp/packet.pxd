# SPDX-License-Identifier: MIT
"""The NTP packet as bytes (RFC 5905 section 7.3), and what the answer path may do with one.

Everything here is in host order unless a name says `wire`.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <endian.h>
    #include <stdint.h>
    #include <string.h>

    /* Fields in network order; packed, because a datagram promises no alignment. */
    typedef struct __attribute__((packed)) {
        uint8_t li_vn_mode;
        uint8_t stratum;
        int8_t poll;
        int8_t precision;
        uint32_t root_delay;
        uint32_t root_dispersion;
        uint8_t refid[4];
        uint64_t reference;
        uint64_t origin;
        uint64_t receive;
        uint64_t transmit;
    } ntp_packet;

    _Static_assert(sizeof(ntp_packet) == 48, "RFC 5905 figure 8");

    static inline uint64_t wire64(uint64_t v) { return htobe64(v); }
    static inline uint32_t wire32(uint32_t v) { return htobe32(v); }
    static inline uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return be32toh(v); }
    static inline uint16_t load16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
    """
    ctypedef struct ntp_packet:
        uint8_t li_vn_mode
        uint8_t stratum
        int8_t poll
        int8_t precision
        uint32_t root_delay
        uint32_t root_dispersion
        uint8_t refid[4]
        uint64_t reference
        uint64_t origin
        uint64_t receive
        uint64_t transmit

    uint64_t wire64(uint64_t v) noexcept nogil
    uint32_t wire32(uint32_t v) noexcept nogil
    uint32_t load32(const uint8_t *p) noexcept nogil
    uint16_t load16(const uint8_t *p) noexcept nogil

cdef enum:
    NTP_SIZE = 48
    NTP_MODE_SYMMETRIC_ACTIVE = 1
    NTP_MODE_SYMMETRIC_PASSIVE = 2
    NTP_MODE_CLIENT = 3
    NTP_MODE_SERVER = 4
    NTP_MODE_BROADCAST = 5
    NTP_MODE_CONTROL = 6
    NTP_LEAP_UNKNOWN = 3

# What becomes of a datagram.  The order is public: counters.py names the same, a test compares them.
cdef enum:
    VERDICT_ANSWER = 0          # an answer with time, or one that says "unsynchronised"
    VERDICT_KISS = 1            # RATE
    VERDICT_NAK = 2             # crypto-NAK, by setting
    VERDICT_CONTROL = 3         # mode 6, handed to the slow path
    DROP_SHORT = 4              # fewer than 48 bytes, or more than the buffer holds
    DROP_VERSION = 5            # 0 and 5..7
    DROP_MODE = 6               # 2, 4, 5, 7, and 0 beyond version 1
    DROP_EXTENSION = 7          # malformed extension fields or an odd tail
    DROP_KEY = 8                # a MAC whose key is not ours, or a crypto-NAK
    DROP_DIGEST = 9             # a MAC that is wrong
    DROP_ACCESS = 10            # not from an allowed network
    DROP_RATE = 11
    DROP_DESTINATION = 12       # sent to a broadcast or multicast address
    DROP_SILENT = 13            # silent before the first lock, by setting
    DROP_CONTROL = 14           # mode 6 that is not answered (network, rate, or switched off)
    DROP_SEND = 15              # the answer could not be sent
    VERDICTS = 16
