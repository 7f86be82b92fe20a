# SPDX-License-Identifier: MIT
"""CASIC and newer Quectel receivers are recognised and set up in their own tongues; u-blox uses the systems wished."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

import pytest
from test_receiver_prepare import prepared

from stratum1.receiver import quectel
from stratum1.receiver.orders import Wishes
from stratum1.receiver.talk import Sentence, Splitter, Ubx
from stratum1.simulator.casic_module import Casic
from stratum1.simulator.dialect import Dialect
from stratum1.simulator.quectel_module import Quectel
from stratum1.simulator.quirks import Quirks
from stratum1.simulator.ublox_module import M8, M10, Ublox

pyubx2 = pytest.importorskip("pyubx2")


def test_the_frame_of_casic_is_the_one_of_its_makers() -> None:
    # MON-VER and CFG-MSG queries as users of an AT6558 send them.
    assert Ubx(0x0A, 0x04, casic=True).frame().hex() == "bace00000a040000" + "0a04"
    message = Ubx(0x06, 0x01, bytes([10, 4, 255, 255]), casic=True)
    assert list(message.frame()) == [186, 206, 4, 0, 6, 1, 10, 4, 255, 255, 14, 4, 5, 1]
    assert Splitter().feed(message.frame()) == [message]


@pytest.mark.parametrize("baud", [9600, 115200])
def test_a_casic_receiver_pulses_on_utc_only_with_a_fix(baud: int) -> None:
    receiver = Casic()
    result = prepared(receiver, baud)
    assert (result.name, result.refused, result.unanswered) == ("CASIC receiver", (), ())
    period, width, enable, polarity, by_gnss = struct.unpack_from("<IIBbB", receiver.settings[0x03])
    assert (period, width, enable, polarity, by_gnss) == (1_000_000, 100_000, 3, 0, 0)
    assert receiver.rates == {"RMC": 1, "GGA": 1, "GSA": 1, "GSV": 5, "ZDA": 1, "GLL": 0, "VTG": 0}


def test_a_casic_receiver_that_does_not_tell_its_version_is_known_by_its_refusal() -> None:
    assert prepared(Casic(Quirks(refuses=frozenset({"0a04"})))).name == "CASIC receiver"


def test_a_pqtm_receiver_is_set_up_and_named() -> None:
    receiver = Quectel()
    result = prepared(receiver, 460800)
    assert (result.name, result.refused, result.unanswered) == ("Quectel LG290P", (), ())
    assert receiver.orders["PQTMCFGPPS"] == "W,1,1,100,2,1,0"
    assert receiver.rates["ZDA"] == 1
    # The sentence that its makers give as an example, with their checksum.
    assert Sentence("PQTMCFGPPS,W,1,1,100,1,1,0").frame() == b"$PQTMCFGPPS,W,1,1,100,1,1,0*73\r\n"
    assert quectel.QUESTIONS[0].frame() == b"$PQTMVERNO*58\r\n"


def test_a_pair_receiver_is_set_up_and_named() -> None:
    receiver = Quectel(airoha=True)
    result = prepared(receiver, 115200)
    assert (result.name, result.refused, result.unanswered) == ("Quectel LC29H", (), ())
    assert receiver.orders["752"] == "2,100"
    assert receiver.rates == {"RMC": 1, "GGA": 1, "GSA": 1, "GSV": 5, "ZDA": 1}
    assert Sentence("PAIR752,2,100").frame() == b"$PAIR752,2,100*39\r\n"


@pytest.mark.parametrize(
    ("make", "refuses", "what"),
    [
        (Casic, "0603", "pulse on the UTC second, only with a fix"),
        (partial(Quectel, False), "PQTMCFGPPS", "pulse only with a fix"),
        (partial(Quectel, True), "752", "pulse only with a fix"),
    ],
)
def test_what_is_refused_is_told_once_and_the_rest_is_done(
    make: Callable[[Quirks], Dialect], refuses: str, what: str
) -> None:
    result = prepared(make(Quirks(refuses=frozenset({refuses}))))
    assert result.refused == (what,)
    assert result.done == ("sentences RMC GGA GSA GSV ZDA",)
    assert result.unanswered == ()


@pytest.mark.parametrize("every", [3, 4])
@pytest.mark.parametrize("make", [Casic, partial(Quectel, False), partial(Quectel, True)])
def test_orders_that_are_lost_on_the_way_are_sent_again(make: Callable[[Quirks], Dialect], every: int) -> None:
    result = prepared(make(Quirks(loses_every=every)))
    assert (result.refused, result.unanswered) == ((), ())
    assert len(result.done) == 2


# Satellite systems of u-blox


def test_the_wished_systems_are_switched_on_and_the_others_off() -> None:
    old, new = Ublox(M8), Ublox(M10)
    wishes = Wishes(constellations=("gps", "galileo"))
    for receiver in (old, new):
        assert "satellite systems gps galileo" in prepared(receiver, wishes=wishes).done
    assert {number for number, on in old.systems.items() if on} == {0, 2}
    names = {number: name for name, (number, _) in pyubx2.UBX_CONFIG_DATABASE.items()}
    on = {names[key] for key, value in new.values.items() if names[key].startswith("CFG_SIGNAL") and value}
    assert on == {"CFG_SIGNAL_GPS_ENA", "CFG_SIGNAL_GAL_ENA"}


def test_without_a_wish_the_systems_are_left_alone() -> None:
    receiver = Ublox(M8)
    assert not any("satellite systems" in what for what in prepared(receiver).done)
    assert 0x3E not in receiver.settings


def test_systems_that_are_as_wished_are_not_touched_so_that_no_search_begins_anew() -> None:
    receiver = Ublox(M8)
    wished = Wishes(constellations=("gps", "sbas", "qzss", "glonass"))
    before = receiver.systems
    assert "satellite systems gps sbas qzss glonass" in prepared(receiver, wishes=wished).done
    assert receiver.systems is before


def test_a_receiver_without_the_choice_says_so() -> None:
    receiver = Ublox(M8, Quirks(refuses=frozenset({"063e"})))
    assert prepared(receiver, wishes=Wishes(constellations=("gps",))).refused == ("satellite systems gps",)


def test_every_key_that_is_set_is_known_by_its_name() -> None:
    receiver = Ublox(M10)
    prepared(receiver, 38400, Wishes(constellations=("gps",)))
    known = {number for number, _ in pyubx2.UBX_CONFIG_DATABASE.values()}
    assert receiver.values.keys() <= known
    assert len(receiver.values) > 20
