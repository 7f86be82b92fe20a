# SPDX-License-Identifier: MIT
"""Instants as integers, for compiled code.

An instant is int64 nanoseconds since 1970-01-01T00:00:00 UTC on the POSIX scale
(every day has 86 400 s); it reaches from 1677 to 2262.  An NTP timestamp is an
unsigned 32.32 fixed-point number of seconds modulo 2**32 since the start of an
era; era 0 began 1900-01-01 (RFC 5905 section 6).
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from posix.time cimport clock_gettime, timespec

cdef extern from *:
    """
    #define NTP_UNIX_SECONDS INT64_C(2208988800)    /* 1900-01-01 to 1970-01-01, RFC 5905 section 6 */
    """
    const int64_t NTP_UNIX_SECONDS


cdef inline int64_t read_clock(int clock) noexcept nogil:
    """What a clock of clock_gettime(2) reads now, in ns."""
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef inline int64_t floor_seconds(int64_t ns) noexcept nogil:
    """Whole seconds at or before `ns`, rounding towards minus infinity."""
    cdef int64_t seconds = ns // <int64_t>1000000000
    if ns - seconds * <int64_t>1000000000 < 0:
        seconds -= 1
    return seconds


cdef inline uint64_t ntp_from_ns(int64_t ns) noexcept nogil:
    """Unix nanoseconds to an NTP timestamp of whatever era; rounded down."""
    cdef int64_t seconds = floor_seconds(ns)
    cdef uint64_t fraction = <uint64_t>(ns - seconds * <int64_t>1000000000)
    cdef uint64_t era_second = <uint64_t>(seconds + NTP_UNIX_SECONDS) & 0xffffffffULL
    return (era_second << 32) | ((fraction << 32) // 1000000000ULL)


cdef inline int64_t ns_from_ntp(uint64_t stamp, int64_t pivot_ns) noexcept nogil:
    """NTP timestamp to Unix nanoseconds, in the era nearest to `pivot_ns`; to the nearest ns."""
    cdef int64_t pivot = floor_seconds(pivot_ns)
    cdef uint32_t era_pivot = <uint32_t>(<uint64_t>(pivot + NTP_UNIX_SECONDS))
    cdef int64_t ahead = <int64_t><int>(<uint32_t>(stamp >> 32) - era_pivot)
    cdef uint64_t fraction = ((stamp & 0xffffffffULL) * 1000000000ULL + 0x80000000ULL) >> 32
    return (pivot + ahead) * <int64_t>1000000000 + <int64_t>fraction


cdef inline uint32_t short_from_ns(int64_t ns) noexcept nogil:
    """Nanoseconds to NTP short format (16.16 seconds), rounded up, at most 0xffffffff; negative gives 0."""
    cdef uint64_t value
    if ns <= 0:
        return 0
    if ns >= <int64_t>65535999000000:
        return 0xffffffff
    value = (<uint64_t>ns * 65536ULL + 999999999ULL) // 1000000000ULL
    return <uint32_t>value
