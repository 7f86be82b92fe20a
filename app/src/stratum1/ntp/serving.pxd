# SPDX-License-Identifier: MIT
"""What a worker knows when it answers: the newest word of the timekeeper, and what time it makes of a clock reading."""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from stratum1.ntp.access cimport policy
from stratum1.ntp.packet cimport NTP_LEAP_UNKNOWN, wire32
from stratum1.ntp.smear cimport smear_offset
from stratum1.timescale cimport ntp_from_ns, short_from_ns
from stratum1.tracking.page cimport (
    FLAG_LEAP_BY_KERNEL, FLAG_UTC_VALID, tracking_bound, tracking_is_current, tracking_load, tracking_page,
    tracking_served, tracking_serves
)

cdef enum:
    EXCHANGES = 1024                     # interleaved mode: addresses remembered by a worker

# Interleaved mode (RFC 9769): the last answer to an address.
cdef struct exchange:
    uint64_t high
    uint64_t low
    uint64_t receive             # our receive stamp in that answer
    uint64_t transmit            # when the kernel or the NIC sent it; 0 = not known

# What one worker knows when it answers; refreshed once per batch.
cdef struct serving:
    tracking_page page
    bint have_page
    uint64_t serial              # of the policy with which the page was loaded: another one may have another page
    bint serves
    bint ever_served
    bint leaped                  # the kernel has taken the announced leap since the page was written
    bint has_leap                # the page announces a leap that may be believed
    int8_t precision             # of this machine's clock, log2 s
    uint64_t fuzz_mask           # the bits of a transmit stamp below the precision
    uint64_t random
    int64_t now_ns               # CLOCK_REALTIME of the refresh
    int64_t kiss_due_ns
    uint8_t stratum
    uint8_t refid[4]
    uint32_t root_delay          # wire order
    uint32_t root_dispersion     # wire order
    uint64_t reference
    int thread
    exchange exchanges[EXCHANGES]


cdef inline void serving_start(serving *state, int8_t precision, int thread, uint64_t seed) noexcept nogil:
    """`state` was zeroed; `precision` is log2 seconds, -32..0."""
    state.precision = precision
    state.fuzz_mask = (<uint64_t>1 << (32 + precision)) - 1
    state.random = seed or 1
    state.thread = thread


cdef inline bint load_page(const tracking_page *shared, tracking_page *page) noexcept nogil:
    """A consistent copy, or `page` as it was and False."""
    cdef tracking_page copy
    if tracking_load(shared, &copy) != 0:
        return False
    memcpy(page, &copy, sizeof(tracking_page))
    return True


cdef inline uint64_t next_random(serving *state) noexcept nogil:
    """xorshift64*: spreads bits that nobody measures; nothing secret hangs on it."""
    cdef uint64_t x = state.random
    x ^= x >> 12
    x ^= x << 25
    x ^= x >> 27
    state.random = x
    return x * <uint64_t>0x2545F4914F6CDD1D


cdef inline void serving_refresh(serving *state, const policy *rules, int64_t kernel_ns, int64_t monotonic_ns) noexcept nogil:
    """Take over the newest page, if it changed, and decide whether time may be claimed at this moment."""
    cdef tracking_page *page = &state.page
    cdef int64_t stepped
    cdef int64_t bound
    state.now_ns = kernel_ns
    if rules.tracking == NULL:
        state.have_page = False
    elif state.serial != rules.serial or not tracking_is_current(rules.tracking, page):
        # A page that cannot be had just now (its writer was interrupted half-way) leaves the last one in force;
        # that one ages by its own rules.
        if load_page(rules.tracking, page):
            state.have_page = True
            state.serial = rules.serial
            state.root_delay = wire32(short_from_ns(page.root_delay_ns))
            state.reference = ntp_from_ns(page.reference_ns) if page.reference_ns else 0
            memcpy(state.refid, page.refid, 4)
            state.stratum = page.stratum
            state.has_leap = (
                (page.leap == 1 or page.leap == 2) and page.leap_at_ns != 0 and (page.flags & FLAG_UTC_VALID) != 0
            )
    state.serves = False
    state.leaped = False
    if not state.have_page:
        return
    if page.stratum == 0 or page.stratum > 15 or page.leap == NTP_LEAP_UNKNOWN or page.reference_ns == 0:
        return
    if not tracking_serves(page, kernel_ns, monotonic_ns):
        return
    state.serves = True
    state.ever_served = True
    bound = tracking_bound(page, kernel_ns)
    if page.leap_at_ns != 0:
        if page.flags & FLAG_LEAP_BY_KERNEL:
            stepped = kernel_ns - monotonic_ns - page.realtime_minus_monotonic_ns
            state.leaped = stepped > 500000000 or stepped < -500000000
        stepped = kernel_ns + page.correction_ns - page.leap_at_ns
        if -1000000000 <= stepped <= 2000000000:
            bound += 1000000000      # which of two equal seconds this is cannot be told from the stamp alone
    state.root_dispersion = wire32(short_from_ns(bound) or 1)


cdef inline int64_t served_time(const serving *state, const policy *rules, int64_t kernel_ns) noexcept nogil:
    """UTC, or smeared UTC, in ns for a reading of the kernel clock."""
    cdef int64_t utc = tracking_served(&state.page, kernel_ns)
    cdef bint repeated
    if rules.smear_sign != 0:
        if state.page.leap_at_ns != rules.smear_at_ns:
            # The page no longer tells of the leap, so it has been taken: this can only be the second pass.
            repeated = utc >= rules.smear_at_ns - 1000000000
        elif state.page.flags & FLAG_LEAP_BY_KERNEL:
            # A stamp later than now was taken before the kernel went back.
            repeated = state.leaped and kernel_ns <= state.now_ns
        else:
            repeated = utc < kernel_ns + state.page.correction_ns - 500000000
        utc += smear_offset(utc, repeated and rules.smear_sign > 0, rules.smear_at_ns, rules.smear_sign)
    return utc


cdef inline uint8_t leap_indicator(const serving *state, const policy *rules, int64_t utc_ns) noexcept nogil:
    """0, 1 or 2 for a time that is claimed good; an announcement lasts from a day before the leap to the leap."""
    if not state.has_leap or rules.smear_sign != 0:
        return 0
    if state.leaped and utc_ns >= state.page.leap_at_ns:
        return 0
    if 0 < state.page.leap_at_ns - utc_ns <= <int64_t>86400 * 1000000000:
        return state.page.leap
    return 0
