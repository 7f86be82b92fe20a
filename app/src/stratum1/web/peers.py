# SPDX-License-Identifier: MIT
"""The servers that this box is compared with, in the columns of `ntpq -p`."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stratum1.timescale import NS_PER_MS, NS_PER_S
from stratum1.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Peer:
    tally: str
    remote: str
    refid: str
    stratum: str
    when: str
    poll: str
    reach: str
    delay: str
    """Milliseconds, as ntpq has them."""
    offset: str
    jitter: str
    problem: str


def _ms(ns: int | None) -> str:
    return "" if ns is None else f"{ns / NS_PER_MS:.3f}"


def rows(upstream: Upstream | None, monotonic_ns: int | None = None) -> list[Peer]:
    """`monotonic_ns` is CLOCK_MONOTONIC of now, for tests."""
    now = time.monotonic_ns() if monotonic_ns is None else monotonic_ns
    return [
        Peer(
            tally=server.tally.strip(),
            remote=server.name
            if server.name == server.address or not server.address
            else f"{server.name} ({server.address})",
            refid=server.refid,
            stratum=str(server.stratum or 16),
            when="-" if server.heard_ns is None else str(max(now - server.heard_ns, 0) // NS_PER_S),
            poll=str(server.poll_s),
            reach=server.reach_octal,
            delay=_ms(server.delay_ns),
            offset=_ms(server.offset_ns),
            jitter=_ms(server.jitter_ns),
            problem=server.problem,
        )
        for server in (upstream.servers if upstream else ())
    ]
