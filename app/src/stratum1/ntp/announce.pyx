# SPDX-License-Identifier: MIT
"""Time sent unasked: broadcast and multicast packets, mode 5 (RFC 5905 section 3.1), stamped when they are sent."""

import os
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME

from stratum1.ntp.access cimport Policy, policy
from stratum1.ntp.answer cimport reply, reply_header, reply_seal, reply_stamp
from stratum1.ntp.auth cimport AUTH_THREADS, find_key
from stratum1.ntp.packet cimport NTP_MODE_BROADCAST, NTP_MODE_CLIENT, ntp_packet
from stratum1.ntp.request cimport request
from stratum1.ntp.serving cimport serving, serving_refresh, serving_start
from stratum1.timescale cimport read_clock

cdef extern from "<sys/socket.h>" nogil:
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
    ssize_t sendmsg(int fd, const msghdr *message, int flags)
    enum: MSG_DONTWAIT


cdef class Announcer:
    """Makes and sends mode 5 packets; for one thread, beside the workers."""

    cdef serving _state
    cdef Policy _policy

    def __init__(self, rules, int precision):
        memset(&self._state, 0, sizeof(serving))
        serving_start(&self._state, precision, AUTH_THREADS - 2, int.from_bytes(os.urandom(8), "little"))
        self._policy = rules

    cdef bint _prepare(self, int64_t kernel_ns, int64_t monotonic_ns, int poll, int key_id, reply *out) noexcept:
        """Everything but the transmit stamp; False while time is not known: then nothing is sent."""
        cdef const policy *rules = self._policy.address()
        cdef request ask
        cdef ntp_packet asked
        cdef ntp_packet *packet = <ntp_packet *>out.bytes
        serving_refresh(&self._state, rules, kernel_ns, monotonic_ns)
        if not self._state.serves:
            return False
        memset(&asked, 0, sizeof(asked))
        asked.poll = poll
        ask.version = 4
        ask.mode = NTP_MODE_CLIENT
        reply_header(&self._state, rules, &ask, &asked, kernel_ns, out)
        packet.li_vn_mode = (packet.li_vn_mode & 0xf8) | NTP_MODE_BROADCAST
        packet.receive = 0
        out.key = NULL
        if key_id:
            out.key = find_key(rules.keys, key_id) if rules.keys != NULL else NULL
            return out.key != NULL
        return True

    cdef bint _finish(self, int64_t transmit_ns, reply *out) noexcept:
        cdef const policy *rules = self._policy.address()
        reply_stamp(&self._state, rules, out, transmit_ns)
        return out.key == NULL or reply_seal(rules, self._state.thread, out)

    def packet(self, *, int64_t kernel_ns, int64_t monotonic_ns, int poll, int key_id=0) -> bytes | None:
        """The packet at that moment (CLOCK_REALTIME, CLOCK_MONOTONIC); None when there is nothing to say."""
        cdef reply out
        memset(&out, 0, sizeof(out))
        if not self._prepare(kernel_ns, monotonic_ns, poll, key_id, &out) or not self._finish(kernel_ns, &out):
            return None
        return out.bytes[:out.size]

    def send(self, int fd, bytes address, bytes control, *, int poll, int key_id=0) -> bool:
        """Send to a socket address with ancillary data, both as the kernel reads them; False when it was not sent."""
        cdef reply out
        cdef iovec iov
        cdef msghdr message
        memset(&out, 0, sizeof(out))
        memset(&message, 0, sizeof(message))
        if not self._prepare(read_clock(CLOCK_REALTIME), read_clock(CLOCK_MONOTONIC), poll, key_id, &out):
            return False
        message.msg_name = <char *>address
        message.msg_namelen = <unsigned int>len(address)
        message.msg_iov = &iov
        message.msg_iovlen = 1
        if control:
            message.msg_control = <char *>control
            message.msg_controllen = len(control)
        iov.iov_base = <uint8_t *>out.bytes
        if not self._finish(read_clock(CLOCK_REALTIME), &out):
            return False
        iov.iov_len = out.size
        return sendmsg(fd, &message, MSG_DONTWAIT) >= 0
