# SPDX-License-Identifier: MIT
"""The upstream servers as associations of mode 6: the rows of `ntpq -p` below our own clocks.

None is ever the system's peer, as none is followed: the best that one can be is a candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratum1.timescale import ntp_timestamp

if TYPE_CHECKING:
    from stratum1.upstream import Server

REJECTED, FALSETICKER, CANDIDATE = 0, 1, 4
_SELECTION = {" ": REJECTED, "x": FALSETICKER, "+": CANDIDATE}


def lfp(ns: int) -> str:
    """An NTP timestamp as ntpq reads it; zero for never."""
    stamp = ntp_timestamp(ns) if ns else 0
    return f"0x{stamp >> 32:08x}.{stamp & 0xFFFFFFFF:08x}"


def milliseconds(ns: float) -> str:
    return f"{ns / 1e6:.6f}"


def status(server: Server) -> int:
    """The peer status word: configured, reachable, selection (RFC 9327 section 3.2)."""
    reachable = 0x10 if server.reach else 0
    return (0x80 | reachable | _SELECTION[server.tally]) << 8


def variables(server: Server, now_ns: int, monotonic_ns: int) -> dict[str, str]:
    """`now_ns` is served UTC, `monotonic_ns` CLOCK_MONOTONIC at the same moment."""
    heard = now_ns - (monotonic_ns - server.heard_ns) if server.heard_ns is not None else 0
    offset = milliseconds(server.offset_ns or 0)
    delay = milliseconds(server.delay_ns or 0)
    poll = str(server.poll_s.bit_length() - 1)
    return {
        "srcadr": server.address or "0.0.0.0",
        "srcport": "123",
        "srchost": f'"{server.name}"',
        "dstadr": "::" if ":" in server.address else "0.0.0.0",
        "dstport": "0",
        "leap": f"{server.leap:02b}",
        "stratum": str(server.stratum or 16),
        "precision": "-20",
        "rootdelay": milliseconds(server.root_delay_ns),
        "rootdisp": milliseconds(server.root_dispersion_ns),
        "refid": server.refid or "INIT",
        "reftime": lfp(0),
        "rec": lfp(heard),
        "reach": f"0x{server.reach:x}",
        "unreach": "0",
        "hmode": "3",
        "pmode": "4",
        "hpoll": poll,
        "ppoll": poll,
        "headway": "0",
        "flash": "0x400",  # a check and no source: never fit to be followed
        "keyid": "0",
        "offset": offset,
        "delay": delay,
        "dispersion": milliseconds(server.distance_ns) if server.distance_ns is not None else "16000.000000",
        "jitter": milliseconds(server.jitter_ns or 0),
        # As for our own clocks: one value stands for all eight.
        "filtdelay": " ".join([delay] * 8),
        "filtoffset": " ".join([offset] * 8),
        "filtdisp": " ".join(["0.00"] * 8),
    }
