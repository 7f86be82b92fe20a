# SPDX-License-Identifier: MIT
"""What a client asks, and which answers it takes for answers."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stratum1.timescale import ntp_timestamp
from stratum1.upstream.packet import Answer, BogusError, nonce, parse, question, refid_of, refid_text

NS = 1_000_000_000
NOW = 1_795_000_000 * NS
STAMP = bytes(range(1, 9))


def answer(**changes: int | bytes) -> bytes:
    said: dict[str, int | bytes] = {
        "first": 0x24,
        "stratum": 1,
        "precision": 0xE9,
        "delay": 0x8000,
        "dispersion": 0x0100,
        "refid": b"PPS\0",
        "reference": ntp_timestamp(NOW - NS),
        "origin": STAMP,
        "receive": ntp_timestamp(NOW),
        "transmit": ntp_timestamp(NOW + 1000),
    } | changes
    parts = (
        bytes([int(said["first"]), int(said["stratum"]), 6, int(said["precision"])]),
        *(int(said[name]).to_bytes(4, "big") for name in ("delay", "dispersion")),
        said["refid"],
        int(said["reference"]).to_bytes(8, "big"),
        said["origin"],
        *(int(said[name]).to_bytes(8, "big") for name in ("receive", "transmit")),
    )
    return b"".join(part for part in parts if isinstance(part, bytes))


def test_a_question_tells_nothing_of_our_clock() -> None:
    asked = question(STAMP, 6)
    assert len(asked) == 48
    assert asked[:3] == bytes([0x23, 0, 6])
    assert not any(asked[3:40])
    assert asked[40:] == STAMP
    assert nonce() != nonce()


def test_every_field_of_an_answer() -> None:
    said = parse(answer(first=0x5C), STAMP, NOW)
    assert (said.leap, said.stratum, said.precision, said.refid) == (1, 1, -23, b"PPS\0")
    assert (said.root_delay_ns, said.root_dispersion_ns) == (500_000_000, 3_906_250)
    assert abs(said.receive_ns - NOW) <= 1 and abs(said.transmit_ns - NOW - 1000) <= 1
    assert abs(said.reference_ns - (NOW - NS)) <= 1
    assert said.synchronised and not said.kiss


@pytest.mark.parametrize(
    "data",
    [
        b"",
        answer()[:47],
        answer(first=0x23),
        answer(first=0x25),
        answer(first=0x04),
        answer(first=0x2C),
        answer(origin=bytes(8)),
        answer(origin=STAMP[:7] + b"\0"),
        answer(receive=0),
        answer(transmit=0),
    ],
    ids=["empty", "short", "mode 3", "mode 5", "version 0", "version 5", "no origin", "origin", "receive", "transmit"],
)
def test_what_is_no_answer_to_the_question(data: bytes) -> None:
    with pytest.raises(BogusError):
        parse(data, STAMP, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 0xE4},
        {"stratum": 16},
        {"stratum": 0, "refid": b"INIT"},
        {"transmit": ntp_timestamp(NOW - 1000)},
        {"reference": ntp_timestamp(NOW + NS)},
    ],
)
def test_who_does_not_know_the_time(changes: dict[str, int | bytes]) -> None:
    assert not parse(answer(**changes), STAMP, NOW).synchronised


@pytest.mark.parametrize("code", [b"RATE", b"DENY", b"RSTR"])
def test_kiss_codes(code: bytes) -> None:
    said = parse(answer(first=0xE4, stratum=0, refid=code, receive=0, transmit=0), STAMP, NOW)
    assert said.kiss == code.decode() and not said.synchronised


def test_an_answer_of_the_next_era_is_of_our_time() -> None:
    """2036-02-07 06:28:16 UTC: the seconds on the wire begin anew."""
    at = 2_085_978_496 * NS
    said = parse(answer(receive=1, transmit=1 << 32, reference=0), STAMP, at - NS)
    assert said.receive_ns == at and said.transmit_ns == at + NS


@given(st.binary(max_size=100))
@example(answer(origin=STAMP))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    try:
        said = parse(data, STAMP, NOW)
    except BogusError:
        return
    assert isinstance(said, Answer) and refid_text(said).isascii() and said.kiss is not None


def test_reference_ids() -> None:
    assert refid_text(parse(answer(), STAMP, NOW)) == "PPS"
    assert refid_text(parse(answer(stratum=2, refid=bytes([192, 0, 2, 9])), STAMP, NOW)) == "192.0.2.9"
    assert refid_of("192.0.2.9") == bytes([192, 0, 2, 9])
    # md5 of the 16 bytes of ::1, by md5sum
    assert refid_of("::1").hex() == "cf404dc8"
