# SPDX-License-Identifier: MIT
"""The decision: a datagram and its stamps in, the bytes of an answer or the reason for none out.

No sockets, no clocks, no allocation, no GIL.  The hot loop (sockets.pyx) and the tests
(answer.Answerer) call the same functions; RFC 5905 unless another one is named.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from stratum1.ntp.access cimport in_networks, policy
from stratum1.ntp.auth cimport AUTH_DIGEST, auth_key, find_key
from stratum1.ntp.clients cimport (
    ROW_AUTHENTICATED, ROW_INTERLEAVED, ROW_IPV6, client_find, client_hash, client_row, client_table, rate_allows
)
from stratum1.ntp.packet cimport (
    DROP_ACCESS, DROP_DIGEST, DROP_KEY, DROP_RATE, DROP_SILENT, NTP_LEAP_UNKNOWN, NTP_MODE_SERVER,
    NTP_MODE_SYMMETRIC_ACTIVE, NTP_MODE_SYMMETRIC_PASSIVE, NTP_SIZE, VERDICT_ANSWER, VERDICT_KISS, VERDICT_NAK,
    ntp_packet, wire32, wire64
)
from stratum1.ntp.request cimport examine, request
from stratum1.ntp.serving cimport EXCHANGES, exchange, leap_indicator, next_random, served_time, serving
from stratum1.timescale cimport ntp_from_ns

cdef enum:
    REPLY_ROOM = NTP_SIZE + 4 + AUTH_DIGEST
    KISS_INTERVAL_NS = 1000000000        # at most one RATE kiss a second and worker
    LEAK_MASK = 7                        # one in eight requests beyond the rate is answered all the same
    KISS_MASK = 63                       # and one in 64 may get a kiss

cdef struct reply:
    uint8_t bytes[REPLY_ROOM]
    uint16_t size
    uint8_t mode
    bint unstamped               # transmit is still to be filled by reply_stamp
    exchange *saved              # not NULL: an interleaved client, who wants the kernel's stamp of this answer
    auth_key *key                # NULL = no MAC
    client_row *row
    uint64_t receive             # host order


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
