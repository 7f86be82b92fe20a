# SPDX-License-Identifier: MIT
"""A receiver is found at any speed and set up with every order confirmed, whatever it refuses or does not hear."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver import ublox
from stratum1.receiver.hunt import hunt
from stratum1.receiver.orders import Wishes
from stratum1.receiver.prepare import Prepared, set_up
from stratum1.receiver.serial_port import BAUDS
from stratum1.receiver.talk import Message, Sentence, Splitter, Talk, Ubx
from stratum1.simulator.dialect import Dialect, Mtk, PlainNmea
from stratum1.simulator.faults import Faults
from stratum1.simulator.module import Module
from stratum1.simulator.quirks import Quirks
from stratum1.simulator.ublox_module import M8, M8T, M10, Ublox
from stratum1.simulator.world import World


class Line:
    """A serial line in simulated time, with a receiver of one epoch a second at its end."""

    def __init__(self, dialect: Dialect | None, baud: int = 9600) -> None:
        self.now = 1000.3
        self.baud = 9600
        self._dialect = dialect
        self._receiver_baud = baud
        self._module = Module(World(), search_s=0.0)
        self._module.power(True, 0.0)
        self._module.epoch(900, Faults())
        self._answers = b""
        self._next_s = 1001

    def set_baud(self, baud: int) -> None:
        self.baud = baud

    def write(self, data: bytes) -> None:
        if self._dialect is not None and self.baud == self._receiver_baud:
            self._answers += self._dialect.hear(data)

    def read(self, seconds: float) -> bytes:
        if self._answers:
            data, self._answers = self._answers, b""
            self.now += 0.05
            return self._as_heard(data)
        until = self.now + seconds
        if self._dialect is None or self._next_s > until:
            self.now = until
            return b""
        self.now = max(self.now, float(self._next_s))
        data = b"".join(self._dialect.burst(self._module.epoch(self._next_s, Faults()), whole_second=True))
        self._next_s += 1
        return self._as_heard(data)

    def _as_heard(self, data: bytes) -> bytes:
        if self.baud == self._receiver_baud:
            return data
        return bytes(byte ^ 0x5A | 0x80 for byte in data[::2])

    def talk(self, port: object) -> Talk:
        return Talk(self, clock=lambda: self.now)


PORT = Path("/dev/ttyAMA0")


def find_baud(line: Line) -> int:
    return hunt({PORT: line}, clock=lambda: line.now).get(PORT, 0)


def prepared(dialect: Dialect, baud: int = 9600, wishes: Wishes = Wishes()) -> Prepared:  # noqa: B008
    line = Line(dialect, baud)
    assert find_baud(line) == baud
    return set_up(line, baud, wishes, talk=line.talk)


@pytest.mark.parametrize("baud", BAUDS)
@pytest.mark.parametrize("make", [PlainNmea, Mtk, partial(Ublox, M8), partial(Ublox, M10)])
def test_the_speed_is_found(make: Callable[[], Dialect], baud: int) -> None:
    line = Line(make(), baud)
    assert find_baud(line) == baud
    assert line.baud == baud


def test_silence_is_no_receiver_and_takes_half_a_minute_at_most() -> None:
    line = Line(None)
    start = line.now
    assert find_baud(line) == 0
    assert line.now - start < 30
    assert Prepared().text() == "no receiver is heard at any speed"


def test_an_m8_is_stationary_and_pulses_on_the_utc_second_only_when_locked() -> None:
    receiver = Ublox(M8)
    result = prepared(receiver)
    assert result.name == "u-blox M8"
    assert (result.refused, result.unanswered) == ((), ())
    assert receiver.settings[0x24][:3] == b"\x01\x00\x02"
    period, period_locked, length, length_locked = struct.unpack_from("<IIII", receiver.settings[0x31], 8)
    (flags,) = struct.unpack_from("<I", receiver.settings[0x31], 28)
    assert (period, period_locked, length, length_locked) == (1_000_000, 1_000_000, 0, 100_000)
    assert flags & 0b111_1111 == 0b111_0111
    assert flags >> 7 & 0xF == 0  # the UTC grid
    assert receiver.rates[0x01, 0x07] == 1
    assert receiver.rates[0x01, 0x20] == 1


def test_an_m10_is_set_up_by_value_in_ram_alone() -> None:
    receiver = Ublox(M10)
    result = prepared(receiver, 38400)
    assert result.name == "u-blox M10"
    assert (result.refused, result.unanswered) == ((), ())
    assert receiver.settings == {}
    assert receiver.values[0x20110021] == 2
    assert receiver.values[0x40050004] == 0
    assert receiver.values[0x40050005] == 100_000
    assert receiver.values[0x2005000C] == 0
    assert receiver.rates[0x01, 0x07] == 1


def test_every_order_goes_to_ram_alone() -> None:
    for version in (
        ublox.Version("", "", ("PROTVER=34.10", "FWVER=TIM 2.25")),
        ublox.Version("", "", ("PROTVER=22.00",)),
    ):
        for step in ublox.steps(version, usb=False):
            if step.command.id_ == 0x8A:
                assert step.command.payload[1] == 1
            # CFG-CFG would save, CFG-RST would restart.
            assert step.command.id_ not in (0x09, 0x04)


def test_a_timing_receiver_surveys_its_position_and_others_do_not() -> None:
    timing, plain = Ublox(M8T), Ublox(M8)
    assert "survey of the position" in prepared(timing).done
    assert prepared(timing).name == "u-blox NEO-M8T"
    assert timing.settings[0x3D][0] == 1
    assert "survey of the position" not in prepared(plain).done
    assert 0x3D not in plain.settings


def test_messages_of_a_usb_receiver_are_wanted_on_usb() -> None:
    version = ublox.Version("", "", ("PROTVER=27.31",))
    keys = {step.command.payload[4:8] for step in ublox.steps(version, usb=True)}
    assert (0x20910009).to_bytes(4, "little") in keys
    assert (0x20910007).to_bytes(4, "little") not in keys


def test_a_refusal_is_not_supported_and_the_rest_goes_on() -> None:
    result = prepared(Ublox(M8, Quirks(refuses=frozenset({"0611"}))))
    assert result.refused == ("full power",)
    assert "pulse on the UTC second, only when locked" in result.done
    assert "not supported: full power" in result.text()


@pytest.mark.parametrize("every", [3, 4])
@pytest.mark.parametrize("make", [Mtk, partial(Ublox, M8), partial(Ublox, M10)])
def test_lost_orders_are_sent_again(make: Callable[[Quirks], Dialect], every: int) -> None:
    result = prepared(make(Quirks(loses_every=every)) if make is Mtk else make(quirks=Quirks(loses_every=every)))  # type: ignore[call-arg]
    assert result.unanswered == ()
    assert result.done


def test_a_ublox_that_stops_answering_is_said() -> None:
    class Deaf(Ublox):
        orders = 0

        def hear(self, data: bytes) -> bytes:
            if data[2:4] == b"\x0a\x04":
                return super().hear(data)
            self.orders += data[2:3] == b"\x06"
            return b""

    receiver = Deaf(M8)
    result = prepared(receiver)
    assert result.done == ()
    assert len(result.unanswered) == len(list(ublox.steps(ublox.Version("", "", M8.extensions), usb=False)))
    assert "not answered" in result.text()
    # Whoever waits for gpsd does not wait for every order in turn.
    assert receiver.orders <= 4


def test_an_mtk_is_set_up_by_sentences() -> None:
    receiver = Mtk()
    result = prepared(receiver)
    assert result.name == "MediaTek MT3339 (PA6H)"
    assert (result.refused, result.unanswered) == ((), ())
    assert receiver.outputs[1] == receiver.outputs[17] == 1
    assert receiver.orders["255"] == "1"
    assert prepared(Mtk(Quirks(refuses=frozenset({"285"})))).refused == ("pulse only with a 3D fix",)


def test_a_receiver_that_takes_no_orders_is_used_as_it_is() -> None:
    result = prepared(PlainNmea())
    assert (result.name, result.done) == ("", ())
    assert "used as it is" in result.text()


byte = st.integers(0, 255)
messages = (
    st.builds(Ubx, byte, byte, st.binary(max_size=100))
    | st.builds(Ubx, byte, byte, st.lists(st.binary(min_size=4, max_size=4), max_size=25).map(b"".join), st.just(True))
    | st.builds(Sentence, st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.-", max_size=60))
)


@given(st.lists(messages, max_size=8), st.integers(1, 40))
def test_messages_come_out_as_they_went_in_however_they_are_cut(sent: list[Message], size: int) -> None:
    stream = b"".join(message.frame() for message in sent)
    splitter = Splitter()
    got = [message for at in range(0, len(stream), size) for message in splitter.feed(stream[at : at + size])]
    assert got == sent


def test_a_false_start_of_a_long_message_does_not_hide_what_follows() -> None:
    follows = Sentence("GPTXT,01,01,02,END")
    assert Splitter().feed(b"\xb5\x62\x01\x07\xff\xff" + follows.frame()) == [follows]


@given(st.lists(st.binary(max_size=400) | messages.map(lambda m: m.frame()[:-3]), max_size=20))
def test_garbage_neither_raises_nor_grows_nor_hides_what_follows(pieces: list[bytes]) -> None:
    splitter = Splitter()
    for piece in pieces:
        splitter.feed(piece)
        assert len(splitter._held) <= 8192
    # However long a message the garbage pretended to begin, it is given up.
    last = Sentence("GPTXT,01,01,02,END")
    got: list[Message] = []
    for _ in range(200):
        got += splitter.feed(last.frame())
    assert last in got
