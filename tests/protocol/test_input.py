# SPDX-License-Identifier: MIT
"""What each kind of input gets: one row per promise, bytes in, verdict and length out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responding import Server
from wire import Packet, extension

from stratum1.ntp.verdicts import Verdict

V4 = Packet(version=4, mode=3).pack()
V3 = Packet(version=3, mode=3).pack()

ANSWERED = {
    "all zero but version and mode": V4,
    "leap 3 in the request": Packet(leap=3).pack(),
    "Windows Time, version 3 mode 1": Packet(version=3, mode=1, leap=3).pack(),
    "Windows Time, version 3 mode 3": Packet(version=3, mode=3, leap=3, poll=10).pack(),
    "unknown extension field of 28": V4 + extension(0x2104, 28),
    "unknown extension field of 1024": V4 + extension(0xFFFF, 1024),
    "two fields, the first short": V4 + extension(1, 16) + extension(2, 28),
}

DROPPED = {
    "nothing": (b"", Verdict.SHORT),
    "one byte": (b"\x23", Verdict.SHORT),
    "47 bytes": (V4[:47], Verdict.SHORT),
    "version 0": (Packet(version=0).pack(), Verdict.VERSION),
    "version 5": (Packet(version=5).pack(), Verdict.VERSION),
    "version 6": (Packet(version=6).pack(), Verdict.VERSION),
    "version 7": (Packet(version=7).pack(), Verdict.VERSION),
    "mode 0 beyond version 1": (Packet(version=4, mode=0).pack(), Verdict.MODE),
    "mode 2": (Packet(mode=2).pack(), Verdict.MODE),
    "mode 4": (Packet(mode=4).pack(), Verdict.MODE),
    "mode 5": (Packet(mode=5).pack(), Verdict.MODE),
    "mode 7": (Packet(mode=7).pack(), Verdict.MODE),
    "mode 7, monlist": (b"\x17\x00\x03\x2a" + b"\0" * 4, Verdict.MODE),
    "odd tail of 1": (V4 + b"\0", Verdict.EXTENSION),
    "odd tail of 30": (V4 + b"\0" * 30, Verdict.EXTENSION),
    "tail of 8": (V4 + extension(1, 8), Verdict.EXTENSION),
    "field of 12": (V4 + extension(1, 12), Verdict.EXTENSION),
    "field of 16 at the end": (V4 + extension(1, 16), Verdict.EXTENSION),
    "field that says 8": (V4 + extension(1, 8) + b"\0" * 24, Verdict.EXTENSION),
    "field that says 0": (V4 + extension(1, 0) + b"\0" * 28, Verdict.EXTENSION),
    "field of 30, not aligned": (V4 + extension(1, 30) + b"\0" * 6, Verdict.EXTENSION),
    "field longer than the packet": (V4 + extension(1, 64)[:40], Verdict.EXTENSION),
    "field of 65532": (V4 + extension(1, 65532)[:40], Verdict.EXTENSION),
    "field, then a tail of 8": (V4 + extension(1, 28) + b"\0" * 8, Verdict.EXTENSION),
    "version 3 with a field": (V3 + extension(1, 28), Verdict.EXTENSION),
    "version 2 with a field": (Packet(version=2).pack() + extension(1, 28), Verdict.EXTENSION),
    "MAC without keys": (V4 + b"\0\0\0\1" + b"\0" * 16, Verdict.KEY),
    "long MAC without keys": (V3 + b"\0\0\0\1" + b"\0" * 20, Verdict.KEY),
    "field, then a MAC without keys": (V4 + extension(1, 16) + b"\0\0\0\1" + b"\0" * 16, Verdict.KEY),
    "crypto-NAK from a client": (V4 + b"\0" * 4, Verdict.KEY),
}


@pytest.mark.parametrize("data", ANSWERED.values(), ids=ANSWERED.keys())
def test_answered_with_48_bytes(data: bytes) -> None:
    outcome = Server().ask(data)
    assert outcome.verdict is Verdict.ANSWER
    assert outcome.data is not None and len(outcome.data) == 48


@pytest.mark.parametrize(("data", "verdict"), DROPPED.values(), ids=DROPPED.keys())
def test_dropped_and_counted_as_what_it_is(data: bytes, verdict: Verdict) -> None:
    outcome = Server().ask(data)
    assert (outcome.verdict, outcome.data) == (verdict, None)


def test_mode_6_goes_to_the_slow_path() -> None:
    assert Server().ask(b"\x26\x02" + b"\0" * 10).verdict is Verdict.CONTROL


BYTES = st.one_of(
    st.binary(max_size=1700),
    st.builds(lambda first, rest: bytes([first]) + rest, st.integers(0, 255), st.binary(min_size=47, max_size=200)),
    st.builds(
        lambda version, kind, length, body: (
            Packet(version=version).pack() + extension(kind, length, body)[: len(body) + 4]
        ),
        st.integers(1, 4),
        st.integers(0, 65535),
        st.integers(0, 100),
        st.binary(max_size=100),
    ),
)


@given(data=BYTES, everyone=st.booleans(), nak=st.booleans())
def test_any_bytes_get_what_the_rules_allow(data: bytes, everyone: bool, nak: bool) -> None:
    outcome = Server(everyone=everyone, crypto_nak=nak).ask(data)
    if outcome.data is None:
        assert not outcome.verdict.answered or outcome.verdict is Verdict.CONTROL
        return
    assert len(outcome.data) <= len(data), "never more bytes than were asked"
    asked, got = Packet.parse(data), Packet.parse(outcome.data)
    assert asked.mode in (1, 3) or (asked.version, asked.mode) == (1, 0)
    assert got.mode == (2 if asked.mode == 1 else 4)
    assert 1 <= got.version == asked.version <= 4
    assert (got.leap == 3) == (got.stratum == 0)
    assert got.origin == asked.transmit
    assert got.poll == asked.poll
