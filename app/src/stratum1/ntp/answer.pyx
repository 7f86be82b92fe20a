# SPDX-License-Identifier: MIT
"""The answer path for one datagram at a time, as Python sees it: for tests, the fuzzers and the tools."""

import os
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int8_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy
from posix.time cimport CLOCK_REALTIME

from stratum1.ntp.access cimport Policy, policy
from stratum1.ntp.clients cimport WAYS, client_row, client_table
from stratum1.ntp.packet cimport VERDICT_ANSWER, VERDICT_KISS, VERDICT_NAK
from stratum1.ntp.request cimport request
from stratum1.ntp.serving cimport exchange, served_time, serving, serving_refresh, serving_start
from stratum1.timescale cimport ntp_from_ns, read_clock
from stratum1.tracking.page cimport TRACKING_SIZE, tracking_page

import ipaddress
from typing import NamedTuple

from stratum1.ntp.verdicts import Verdict


def measure_precision() -> int:
    """log2 seconds of what it takes to read the kernel clock, or of its smallest step if that is more."""
    cdef int64_t before
    cdef int64_t after
    cdef int64_t step
    cdef int64_t least = 1000000000
    cdef int changes = 0
    cdef int _i
    cdef int8_t precision = 0
    with nogil:
        before = read_clock(CLOCK_REALTIME)
        for _i in range(100000):
            after = read_clock(CLOCK_REALTIME)
            step = after - before
            if step > 0:
                changes += 1
                if step < least:
                    least = step
                before = after
            if changes >= 1000:
                break
    # Rounded to the power of two above, so that nothing finer than the clock is claimed.
    while precision > -30 and least <= 1000000000 >> (1 - precision):
        precision -= 1
    return precision


class Outcome(NamedTuple):
    """What became of one datagram; `data` is None when nothing is sent."""

    verdict: Verdict
    data: bytes | None
    wants_transmit_stamp: bool


cdef class Answerer:
    """One worker without its socket: the same state, the same decisions, stamps handed in.

    `page` is what a tracking page holds (512 bytes), or None for a responder that has none.
    """

    cdef serving *_state
    cdef client_table _clients
    cdef Policy _policy
    cdef bytes _page
    cdef uint64_t _pages
    cdef reply _reply
    cdef exchange *_waiting

    def __cinit__(self, rules, *, int rows=64, int precision=-24, seed=None):
        if rows < WAYS or rows & (rows - 1):
            raise ValueError(f"rows: {rows} is not a power of two of at least {WAYS}")
        if not -32 <= precision <= 0:
            raise ValueError(f"precision: {precision} is not within -32..0")
        self._pages = 1
        self._policy = rules
        self._state = <serving *>PyMem_Calloc(1, sizeof(serving))
        self._clients.rows = <client_row *>PyMem_Calloc(rows, sizeof(client_row))
        if self._state == NULL or self._clients.rows == NULL:
            raise MemoryError
        raw = os.urandom(24) if seed is None else bytes(seed)
        self._clients.sets_mask = rows // WAYS - 1
        memcpy(self._clients.secret, <const uint8_t *>raw, 16)
        serving_start(self._state, precision, 0, int.from_bytes(raw[16:24], "little"))

    def __dealloc__(self):
        PyMem_Free(self._state)
        PyMem_Free(self._clients.rows)

    def use(self, rules) -> None:
        """Other rules from now on, as after a reload."""
        self._policy = rules

    def answer(
        self,
        bytes data,
        *,
        source: str = "127.0.0.1",
        int64_t receive_ns,
        int64_t transmit_ns,
        int64_t monotonic_ns,
        page: bytes | None = None,
        now_ns: int | None = None,
    ) -> Outcome:
        """The outcome for `data` from the address `source`.

        receive_ns, transmit_ns and now_ns (that of the batch; receive_ns when left out) are readings of
        CLOCK_REALTIME, monotonic_ns of CLOCK_MONOTONIC.
        """
        cdef request ask
        cdef policy rules = self._policy.address()[0]
        cdef int verdict
        address = ipaddress.ip_address(source)
        cdef bint ipv6 = address.version == 6
        number = int(address) if ipv6 else int(address) | 0xffff00000000
        cdef uint64_t high = number >> 64
        cdef uint64_t low = number & 0xffffffffffffffff
        if page is not None and len(page) != TRACKING_SIZE:
            raise ValueError(f"page: {len(page)} bytes, want {TRACKING_SIZE}")
        if page is not self._page:
            self._page = page
            self._pages += 1
        rules.serial = self._pages
        rules.tracking = NULL
        if page is not None:
            rules.tracking = <const tracking_page *><const char *>page
        serving_refresh(self._state, &rules, receive_ns if now_ns is None else now_ns, monotonic_ns)
        verdict = decide(
            self._state, &rules, &self._clients, ipv6, high, low,
            <const uint8_t *>data, len(data), receive_ns, monotonic_ns, &ask, &self._reply,
        )
        self._waiting = NULL
        if verdict not in (VERDICT_ANSWER, VERDICT_KISS, VERDICT_NAK):
            return Outcome(Verdict(verdict), None, False)
        if self._reply.unstamped:
            reply_stamp(self._state, &rules, &self._reply, transmit_ns)
        if self._reply.key != NULL and not reply_seal(&rules, 0, &self._reply):
            raise RuntimeError("libcrypto failed")
        self._waiting = self._reply.saved
        return Outcome(Verdict(verdict), self._reply.bytes[:self._reply.size], self._waiting != NULL)

    def sent(self, int64_t kernel_ns) -> None:
        """The kernel's transmit stamp of the last answer (CLOCK_REALTIME), for interleaved mode."""
        cdef const policy *rules = self._policy.address()
        if self._waiting != NULL and self._waiting.receive == self._reply.receive:
            self._waiting.transmit = ntp_from_ns(served_time(self._state, rules, kernel_ns))
