# SPDX-License-Identifier: MIT
"""Every field of an answer (RFC 5905 section 7.3), under clocks that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responding import NOW, NS, Server, snapshot, utc
from wire import Packet, stamp

from stratum1.ntp.answer import measure_precision
from stratum1.ntp.verdicts import Verdict
from stratum1.tracking import Leap, State

CORRECTION = 1_500_000
ASKED = Packet(version=4, mode=3, transmit=0x1122334455667788)


def answer(server: Server, asked: Packet = ASKED) -> Packet:
    outcome = server.ask(asked.pack())
    assert outcome.verdict is Verdict.ANSWER
    assert outcome.data is not None and len(outcome.data) == 48
    return Packet.parse(outcome.data)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
@pytest.mark.parametrize(("asked", "answered"), [(3, 4), (1, 2)])
def test_version_is_echoed_and_mode_answered(version: int, asked: int, answered: int) -> None:
    got = answer(Server(), Packet(version=version, mode=asked))
    assert (got.version, got.mode) == (version, answered)


def test_version_1_without_a_mode_is_a_client() -> None:
    got = answer(Server(), Packet(version=1, mode=0))
    assert (got.version, got.mode) == (1, 4)


@pytest.mark.parametrize("poll", [-128, -6, 0, 3, 6, 17, 127])
def test_poll_is_echoed_whatever_it_is(poll: int) -> None:
    assert answer(Server(), Packet(poll=poll)).poll == poll


@pytest.mark.parametrize("transmit", [0, 1, 0xDEADBEEFCAFEF00D, 2**64 - 1])
def test_origin_is_the_request_s_transmit_byte_for_byte(transmit: int) -> None:
    assert answer(Server(), Packet(transmit=transmit)).origin == transmit


def test_a_good_answer_carries_what_the_page_says() -> None:
    got = answer(Server(snapshot(root_delay_ns=0, bound_ns=40_000)))
    assert (got.leap, got.stratum, got.refid) == (0, 1, b"PPS\0")
    assert got.root_delay == 0
    assert got.root_dispersion == -(-40_000 * 65536 // NS)
    assert got.precision == -24
    assert got.reference == stamp(NOW - NOW % NS)


def test_an_upstream_s_stratum_delay_and_refid_pass_through() -> None:
    got = answer(Server(snapshot(stratum=3, refid=bytes([192, 0, 2, 1]), root_delay_ns=7_000_000)))
    assert (got.stratum, got.refid) == (3, bytes([192, 0, 2, 1]))
    assert got.root_delay == -(-7_000_000 * 65536 // NS)


def test_stamps_are_the_kernel_s_corrected() -> None:
    server = Server()
    got = answer(server)
    assert got.receive == stamp(NOW + CORRECTION)
    wait = got.transmit - stamp(NOW + CORRECTION + 2_000)
    assert abs(wait) < 2**8, "the transmit stamp differs by no more than the random bits below 2^-24 s"


def test_dispersion_is_never_zero_and_grows_with_age() -> None:
    server = Server(snapshot(bound_ns=0, bound_rate=1e-5))
    assert answer(server).root_dispersion == 1
    server.pass_time(4 * NS)
    assert answer(server).root_dispersion == -(-40_000 * 65536 // NS)


def test_reference_time_is_never_after_the_receive_time() -> None:
    got = answer(Server(snapshot(reference_ns=NOW + NS)))
    assert got.reference == got.receive == stamp(NOW + CORRECTION)


def test_bits_below_the_precision_are_random_and_transmit_is_never_before_receive() -> None:
    server = Server(precision=-20)
    low = set()
    for _ in range(200):
        outcome = server.ask(ASKED.pack(), wait_ns=0)
        assert outcome.data is not None
        got = Packet.parse(outcome.data)
        assert got.transmit >= got.receive
        low.add(got.transmit & 0xFFF)
    assert len(low) > 100


@pytest.mark.parametrize("wait", [-5_000, -1, 0])
def test_a_transmit_reading_before_the_receive_stamp_is_not_sent(wait: int) -> None:
    outcome = Server().ask(ASKED.pack(), wait_ns=wait)
    assert outcome.data is not None
    got = Packet.parse(outcome.data)
    assert got.transmit >= got.receive


UNFIT = {
    "no page at all": None,
    "acquiring": snapshot(state=State.ACQUIRING, reference_ns=0, stratum=0, leap=Leap.UNKNOWN),
    "given up": snapshot(state=State.UNSYNCHRONISED, stratum=0, leap=Leap.UNKNOWN),
    "given up, fields left over": snapshot(state=State.UNSYNCHRONISED),
    "bound beyond the limit": snapshot(bound_ns=10_000_001),
    "holdover too long": snapshot(state=State.HOLDOVER, serve_until_ns=NOW - 1),
    "clock stepped forward by someone": snapshot(
        realtime_minus_monotonic_ns=snapshot().realtime_minus_monotonic_ns - NS
    ),
    "clock stepped back by someone": snapshot(realtime_minus_monotonic_ns=snapshot().realtime_minus_monotonic_ns + NS),
    "leap unknown": snapshot(leap=Leap.UNKNOWN),
    "stratum 0": snapshot(stratum=0),
    "stratum 16": snapshot(stratum=16),
    "never had a pulse": snapshot(reference_ns=0),
}


@pytest.mark.parametrize("said", UNFIT.values(), ids=UNFIT.keys())
@pytest.mark.parametrize("mode", [1, 3])
def test_time_that_is_not_known_is_leap_3_with_stratum_0(said: object, mode: int) -> None:
    server = Server()
    server.say(said)  # type: ignore[arg-type]
    got = answer(server, Packet(mode=mode, transmit=42, poll=6))
    assert (got.leap, got.stratum) == (3, 0)
    assert got.root_dispersion >= 65536
    assert (got.origin, got.poll) == (42, 6)


def test_before_the_first_synchronisation_the_refid_is_init_and_reference_zero() -> None:
    server = Server()
    server.say(None)
    got = answer(server)
    assert (got.refid, got.reference) == (b"INIT", 0)


def test_after_time_was_given_up_the_last_reference_stays_and_no_source_is_claimed() -> None:
    got = answer(Server(snapshot(state=State.UNSYNCHRONISED, reference_ns=NOW - 7200 * NS)))
    assert (got.refid, got.reference) == (b"\0\0\0\0", stamp(NOW - 7200 * NS))


def test_a_dead_timekeeper_s_page_stops_being_served_by_its_own_age() -> None:
    server = Server(snapshot(bound_ns=3_000, bound_rate=1e-6, bound_limit_ns=10_000_000))
    server.pass_time(600 * NS)
    assert answer(server).stratum == 1
    server.pass_time(100 * NS)
    got = answer(server)
    assert (got.leap, got.stratum) == (3, 0)


def test_silence_before_the_first_lock_is_a_setting() -> None:
    server = Server(silent_before_first_lock=True)
    server.say(None)
    assert server.ask(ASKED.pack()).verdict is Verdict.SILENT
    server.say(snapshot(state=State.UNSYNCHRONISED))
    assert server.ask(ASKED.pack()).verdict is Verdict.ANSWER, "time that was lost is told, not hidden"


def test_a_page_half_written_leaves_the_last_one_in_force() -> None:
    server = Server()
    assert answer(server).stratum == 1
    torn = bytearray(server.page or b"")
    torn[8] |= 1
    server.page = bytes(torn)
    assert answer(server).stratum == 1


ERA_1 = utc(2036, 2, 7, 6, 28, 16)


@pytest.mark.parametrize(
    ("at", "seconds"), [(ERA_1 - NS, 2**32 - 1), (ERA_1, 0), (ERA_1 + NS, 1), (utc(2038, 1, 20), 61_664_400 - 16 + 16)]
)
def test_eras(at: int, seconds: int) -> None:
    got = answer(Server(snapshot(at, correction_ns=0), at=at))
    expected = (at // NS + 2208988800) % 2**32
    assert got.receive >> 32 == expected
    if at < utc(2038, 1, 1):
        assert expected == seconds
    assert got.stratum == 1


def test_the_reference_time_stays_behind_across_the_end_of_the_era() -> None:
    at = ERA_1 + NS // 2
    got = answer(Server(snapshot(at, reference_ns=ERA_1 - NS), at=at))
    assert got.reference == stamp(ERA_1 - NS) == (2**32 - 1) << 32
    assert got.receive < got.reference, "the era ended in between"


def test_a_client_of_the_other_era_gets_its_origin_back() -> None:
    asked = Packet(transmit=stamp(utc(2036, 2, 7, 6, 28, 15)))
    assert answer(Server(snapshot(ERA_1), at=ERA_1), asked).origin == asked.transmit


LEAP_AT = utc(2027, 1, 1)


def at_leap(seconds: float, leap: Leap = Leap.INSERT, **changes: object) -> Packet:
    """The answer `seconds` of kernel time after the leap (before, when negative), kernel clock right until then."""
    at = LEAP_AT + round(seconds * NS)
    said = snapshot(at, leap=leap, leap_at_ns=LEAP_AT, correction_ns=0, **changes)
    return answer(Server(said, at=at))


@pytest.mark.parametrize(
    ("seconds", "indicator"),
    [(-86401.5, 0), (-86399.5, 1), (-3600, 1), (-0.5, 1), (0.5, 1), (1.5, 0), (60, 0)],
)
def test_an_inserted_second_is_announced_for_a_day_and_not_after_it(seconds: float, indicator: int) -> None:
    assert at_leap(seconds).leap == indicator


@pytest.mark.parametrize(("seconds", "indicator"), [(-86401.5, 0), (-86000, 2), (-1.5, 2), (-0.5, 0), (5, 0)])
def test_a_deleted_second_likewise(seconds: float, indicator: int) -> None:
    assert at_leap(seconds, Leap.DELETE).leap == indicator


@pytest.mark.parametrize("leap", [Leap.INSERT, Leap.DELETE])
def test_no_announcement_without_valid_utc_or_without_a_date(leap: Leap) -> None:
    assert at_leap(-3600, leap, utc_valid=False).leap == 0
    at = LEAP_AT - 3600 * NS
    assert answer(Server(snapshot(at, leap=leap, leap_at_ns=0), at=at)).leap == 0


def test_the_inserted_second_repeats_23_59_59_with_a_raised_dispersion() -> None:
    first, second, after = at_leap(-0.75), at_leap(0.25), at_leap(1.25)
    assert first.receive == second.receive == stamp(LEAP_AT - 3 * NS // 4)
    assert after.receive == stamp(LEAP_AT + NS // 4)
    assert first.root_dispersion >= 65536 <= second.root_dispersion
    assert at_leap(-3).root_dispersion < 65536 > at_leap(4).root_dispersion


def test_the_deleted_second_is_left_out() -> None:
    assert at_leap(-1.25, Leap.DELETE).receive == stamp(LEAP_AT - 5 * NS // 4)
    assert at_leap(-0.75, Leap.DELETE).receive == stamp(LEAP_AT + NS // 4)


@given(
    data=st.builds(
        Packet,
        leap=st.integers(0, 3),
        version=st.integers(1, 4),
        stratum=st.integers(0, 255),
        poll=st.integers(-128, 127),
        precision=st.integers(-128, 127),
        root_delay=st.integers(0, 2**32 - 1),
        root_dispersion=st.integers(0, 2**32 - 1),
        refid=st.binary(min_size=4, max_size=4),
        reference=st.integers(0, 2**64 - 1),
        receive=st.integers(0, 2**64 - 1),
        transmit=st.integers(0, 2**64 - 1),
    )
)
def test_nothing_else_in_a_request_changes_the_answer(data: Packet) -> None:
    got = answer(Server(), data)
    plain = answer(Server(), Packet(version=data.version, poll=data.poll, transmit=data.transmit))
    got.transmit = plain.transmit = 0
    assert got == plain


def test_the_precision_is_that_of_this_machine_s_clock() -> None:
    assert -30 <= measure_precision() <= -6
