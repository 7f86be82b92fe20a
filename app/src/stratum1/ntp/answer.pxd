# SPDX-License-Identifier: MIT
"""The decision: a datagram and its stamps in, the bytes of an answer or the reason for none out.

No sockets, no clocks, no allocation, no GIL.  The hot loop (sockets.pyx) and the tests
(answer.Answerer) call the same functions; RFC 5905 unless another one is named.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from stratum1.ntp.access cimport in_networks, policy
from stratum1.ntp.auth cimport AUTH_DIGEST, auth_key, find_key
from stratum1.ntp.clients cimport (
    ROW_AUTHENTICATED, ROW_INTERLEAVED, ROW_IPV6, client_find, client_hash, client_row, client_table, rate_allows
)
from stratum1.ntp.packet cimport (
    DROP_ACCESS, DROP_DIGEST, DROP_EXTENSION, DROP_KEY, DROP_MODE, DROP_RATE, DROP_SHORT, DROP_SILENT,
    DROP_VERSION, NTP_LEAP_UNKNOWN, NTP_MODE_CLIENT, NTP_MODE_CONTROL, NTP_MODE_SERVER,
    NTP_MODE_SYMMETRIC_ACTIVE, NTP_MODE_SYMMETRIC_PASSIVE, NTP_SIZE, VERDICT_ANSWER, VERDICT_CONTROL,
    VERDICT_KISS, VERDICT_NAK, load16, load32, ntp_packet, wire32, wire64
)
from stratum1.ntp.smear cimport smear_offset
from stratum1.timescale cimport ntp_from_ns, short_from_ns
from stratum1.tracking.page cimport (
    FLAG_LEAP_BY_KERNEL, FLAG_UTC_VALID, tracking_bound, tracking_is_current, tracking_load, tracking_page,
    tracking_served, tracking_serves
)

cdef enum:
    REPLY_ROOM = NTP_SIZE + 4 + AUTH_DIGEST
    KISS_INTERVAL_NS = 1000000000        # at most one RATE kiss a second and worker
    LEAK_MASK = 7                        # one in eight requests beyond the rate is answered all the same
    KISS_MASK = 63                       # and one in 64 may get a kiss
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

cdef struct request:
    uint8_t version
    uint8_t mode
    uint16_t mac_at              # 0 = no MAC
    uint16_t mac_size            # with the key id
    uint32_t key_id

cdef struct reply:
    uint8_t bytes[REPLY_ROOM]
    uint16_t size
    uint8_t mode
    bint unstamped               # transmit is still to be filled by reply_stamp
    exchange *saved              # not NULL: an interleaved client, who wants the kernel's stamp of this answer
    auth_key *key                # NULL = no MAC
    client_row *row
    uint64_t receive             # host order


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


cdef bint load_page(const tracking_page *shared, tracking_page *page) noexcept nogil


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


cdef inline int examine(const uint8_t *data, size_t size, request *ask) noexcept nogil:
    """What a datagram asks; a DROP_ reason, VERDICT_CONTROL, or VERDICT_ANSWER."""
    cdef size_t at
    cdef size_t left
    cdef uint16_t length
    ask.version = 0
    ask.mode = 0
    ask.mac_at = 0
    ask.mac_size = 0
    ask.key_id = 0
    if size < 1:
        return DROP_SHORT
    ask.version = (data[0] >> 3) & 7
    ask.mode = data[0] & 7
    if ask.version < 1 or ask.version > 4:
        return DROP_VERSION
    if ask.mode == NTP_MODE_CONTROL:
        return VERDICT_CONTROL
    # Version 1 had no mode field: its clients send 0 there (RFC 1059 appendix B).
    if ask.mode != NTP_MODE_CLIENT and ask.mode != NTP_MODE_SYMMETRIC_ACTIVE and not (ask.mode == 0 and ask.version == 1):
        return DROP_MODE
    if size < NTP_SIZE:
        return DROP_SHORT
    at = NTP_SIZE
    left = size - at
    if left == 0:
        return VERDICT_ANSWER
    if left & 3:
        return DROP_EXTENSION
    # RFC 7822: a tail of 20 or 24 bytes is a MAC, anything longer starts with an extension field.  Network time
    # security (RFC 8915) would note its fields here; docs/responder.md says how it goes on.
    while left > 24:
        if ask.version != 4:
            return DROP_EXTENSION
        length = load16(data + at + 2)
        if length < 16 or length & 3 or length > left:
            return DROP_EXTENSION
        if length == left:
            return VERDICT_ANSWER if length >= 28 else DROP_EXTENSION
        at += length
        left -= length
    if left == 4:
        return DROP_KEY              # a crypto-NAK is nothing that a client may send
    if left != 20 and left != 24:
        return DROP_EXTENSION
    ask.mac_at = <uint16_t>at
    ask.mac_size = <uint16_t>left
    ask.key_id = load32(data + at)
    return VERDICT_ANSWER


cdef inline void reply_unsynchronised(const serving *state, reply *out) noexcept nogil:
    """LI=3 with stratum 0, and no trace of a time that is not known."""
    cdef ntp_packet *packet = <ntp_packet *>out.bytes
    packet.li_vn_mode |= NTP_LEAP_UNKNOWN << 6
    packet.stratum = 0
    packet.root_delay = 0
    packet.root_dispersion = wire32(0x00010000)      # one second: unknown, and no client's idea of good
    packet.reference = 0
    if not state.have_page or state.page.reference_ns == 0:
        memcpy(packet.refid, b"INIT", 4)
    else:
        memset(packet.refid, 0, 4)
        packet.reference = wire64(state.reference)


cdef inline void reply_header(
    serving *state, const policy *rules, const request *ask, const ntp_packet *asked, int64_t receive_ns, reply *out
) noexcept nogil:
    """Everything but the transmit stamp; `receive_ns` is the kernel's stamp of the request."""
    cdef ntp_packet *packet = <ntp_packet *>out.bytes
    cdef int64_t utc
    out.size = NTP_SIZE
    out.unstamped = True
    out.mode = NTP_MODE_SYMMETRIC_PASSIVE if ask.mode == NTP_MODE_SYMMETRIC_ACTIVE else NTP_MODE_SERVER
    packet.li_vn_mode = (ask.version << 3) | out.mode
    packet.poll = asked.poll
    packet.precision = state.precision
    packet.origin = asked.transmit
    if state.have_page:
        utc = served_time(state, rules, receive_ns)
    else:
        utc = receive_ns
    out.receive = ntp_from_ns(utc)
    packet.receive = wire64(out.receive)
    if not state.serves:
        reply_unsynchronised(state, out)
        return
    packet.li_vn_mode |= leap_indicator(state, rules, utc) << 6
    packet.stratum = state.stratum
    packet.root_delay = state.root_delay
    packet.root_dispersion = state.root_dispersion
    memcpy(packet.refid, state.refid, 4)
    # Modulo 2**64, so that the comparison holds across the end of an era.
    if <int64_t>(out.receive - state.reference) < 0:
        packet.reference = packet.receive
    else:
        packet.reference = wire64(state.reference)


cdef inline void reply_stamp(serving *state, const policy *rules, reply *out, int64_t transmit_ns) noexcept nogil:
    """The transmit stamp: random below the precision of the clock, and never before the receive stamp."""
    cdef ntp_packet *packet = <ntp_packet *>out.bytes
    cdef uint64_t stamp
    cdef uint64_t fuzz = next_random(state) & state.fuzz_mask
    if state.have_page:
        transmit_ns = served_time(state, rules, transmit_ns)
    stamp = (ntp_from_ns(transmit_ns) & ~state.fuzz_mask) | fuzz
    if <int64_t>(stamp - out.receive) < 0:
        stamp = out.receive + fuzz
    packet.transmit = wire64(stamp)


cdef inline void reply_kiss(const serving *state, const char *code, reply *out) noexcept nogil:
    """A kiss-o'-death (section 7.4): LI=3, stratum 0, the code as reference id, times that tell nothing new."""
    cdef ntp_packet *packet = <ntp_packet *>out.bytes
    packet.li_vn_mode |= NTP_LEAP_UNKNOWN << 6
    packet.stratum = 0
    packet.root_delay = 0
    packet.root_dispersion = wire32(0x00010000)
    memcpy(packet.refid, code, 4)


cdef inline int decide(
    serving *state, const policy *rules, client_table *clients, bint ipv6, uint64_t high, uint64_t low,
    const uint8_t *data, size_t size, int64_t receive_ns, int64_t monotonic_ns, request *ask, reply *out
) noexcept nogil:
    """The whole decision on one datagram from the address (high, low); an IPv4 address is ::ffff:a.b.c.d.

    With VERDICT_ANSWER or VERDICT_KISS `out` is complete but for the transmit stamp (see reply_stamp) and, when
    `out.key` is set, the MAC (see reply_seal).
    """
    cdef int verdict
    cdef client_row *row
    cdef bint limited = False
    cdef uint64_t dice
    verdict = examine(data, size, ask)
    if not rules.everyone and not in_networks(rules.allowed, rules.allowed_count, high, low):
        return DROP_ACCESS
    if verdict != VERDICT_ANSWER:
        return verdict
    out.key = NULL
    out.saved = NULL
    row = client_find(clients.rows, clients.sets_mask, clients.secret, high if ipv6 else <uint64_t><uint32_t>low, monotonic_ns)
    out.row = row
    if row != NULL:
        row.requests += 1
        row.low = low if ipv6 else 0
        row.flags = (row.flags & ~ROW_IPV6) | (ROW_IPV6 if ipv6 else 0)
        row.version_mode = (ask.version << 3) | ask.mode
        if rules.rate_interval_ns != 0 and not rate_allows(row, rules.rate_interval_ns, rules.rate_burst_ns, monotonic_ns):
            # Some get through, so that nobody can silence a client by asking in its name; very few get a kiss.
            dice = next_random(state) >> 32
            if dice & LEAK_MASK:
                row.dropped += 1
                if dice & KISS_MASK != 1 or monotonic_ns < state.kiss_due_ns:
                    return DROP_RATE
                limited = True
    if rules.silent_before_first_lock and not state.serves and (not state.have_page or state.page.reference_ns == 0):
        return DROP_SILENT
    if ask.mac_at != 0:
        verdict = check_mac(rules, state.thread, data, ask, out)
        if verdict != VERDICT_ANSWER:
            if row != NULL:
                row.dropped += 1
            if not rules.crypto_nak:
                return verdict
            reply_header(state, rules, ask, <const ntp_packet *>data, receive_ns, out)
            memset(out.bytes + NTP_SIZE, 0, 4)
            out.size = NTP_SIZE + 4
            return VERDICT_NAK
        if row != NULL:
            row.flags |= ROW_AUTHENTICATED
    reply_header(state, rules, ask, <const ntp_packet *>data, receive_ns, out)
    if limited:
        state.kiss_due_ns = monotonic_ns + KISS_INTERVAL_NS
        reply_kiss(state, b"RATE", out)
        return VERDICT_KISS
    if rules.interleaved and state.serves:
        interleave(state, clients.secret, high, low, <const ntp_packet *>data, out)
    return VERDICT_ANSWER


cdef inline void interleave(
    serving *state, const uint64_t *secret, uint64_t high, uint64_t low, const ntp_packet *asked, reply *out
) noexcept nogil:
    """RFC 9769: tell a client that wants it when our previous answer really left.

    Such a client sends back our receive stamp as its origin.  One slot is kept for each address that sends
    anything back at all; the kernel's stamp is asked for once the client has shown what it wants.  A slot lost
    to another address costs no more than an answer in basic mode.
    """
    cdef ntp_packet *packet = <ntp_packet *>out.bytes
    cdef exchange *slot
    cdef uint64_t transmit
    if asked.origin == 0 or asked.receive == asked.transmit:
        return
    slot = &state.exchanges[client_hash(high ^ (low << 1), secret) & (EXCHANGES - 1)]
    if slot.high == high and slot.low == low and wire64(asked.origin) == slot.receive:
        transmit = slot.transmit
        out.saved = slot
        if out.row != NULL:
            out.row.flags |= ROW_INTERLEAVED
        if transmit != 0:
            packet.origin = asked.receive
            packet.transmit = wire64(transmit)
            out.unstamped = False
    slot.high = high
    slot.low = low
    slot.receive = out.receive
    slot.transmit = 0


cdef inline int check_mac(const policy *rules, int thread, const uint8_t *data, request *ask, reply *out) noexcept nogil:
    """VERDICT_ANSWER when the MAC is right; `out.key` is then the key for the answer."""
    cdef auth_key *key
    cdef uint8_t digest[AUTH_DIGEST]
    cdef uint8_t difference = 0
    cdef int i
    if rules.keys == NULL:
        return DROP_KEY
    key = find_key(rules.keys, ask.key_id)
    if key == NULL:
        return DROP_KEY
    if ask.mac_size != 4 + key.digest_size or rules.keys.digest(key, thread, data, ask.mac_at, digest) != 0:
        return DROP_DIGEST
    for i in range(key.digest_size):
        difference |= digest[i] ^ data[ask.mac_at + 4 + i]      # no early way out: the time tells nothing
    if difference:
        return DROP_DIGEST
    out.key = key
    return VERDICT_ANSWER


cdef inline bint reply_seal(const policy *rules, int thread, reply *out) noexcept nogil:
    """Put the MAC behind an answer whose transmit stamp is final; False when libcrypto fails."""
    cdef uint32_t id = wire32(out.key.id)
    memcpy(out.bytes + NTP_SIZE, &id, 4)
    if rules.keys.digest(out.key, thread, out.bytes, NTP_SIZE, out.bytes + NTP_SIZE + 4) != 0:
        return False
    out.size = <uint16_t>(NTP_SIZE + 4 + out.key.digest_size)
    return True
cdef void serving_start(serving *state, int8_t precision, int thread, uint64_t seed) noexcept
