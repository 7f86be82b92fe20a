# SPDX-License-Identifier: MIT
"""What a datagram asks: version, mode, extension fields and the place of its MAC (RFC 5905, RFC 7822)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from stratum1.ntp.packet cimport (
    DROP_EXTENSION, DROP_KEY, DROP_MODE, DROP_SHORT, DROP_VERSION, NTP_MODE_CLIENT, NTP_MODE_CONTROL,
    NTP_MODE_SYMMETRIC_ACTIVE, NTP_SIZE, VERDICT_ANSWER, VERDICT_CONTROL, load16, load32
)

cdef struct request:
    uint8_t version
    uint8_t mode
    uint16_t mac_at              # 0 = no MAC
    uint16_t mac_size            # with the key id
    uint32_t key_id


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
