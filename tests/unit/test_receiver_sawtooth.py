# SPDX-License-Identifier: MIT
"""The error that a receiver tells of its pulses, added to their stamps, takes the sawtooth out of them."""

from __future__ import annotations

import statistics

import pytest

from stratum1.receiver.events import Sawtooth
from stratum1.receiver.reports import Interpreter
from stratum1.receiver.talk import Splitter, Ubx
from stratum1.simulator.faults import Faults
from stratum1.simulator.module import Module
from stratum1.simulator.ublox_module import M8T, M10, Generation, Ublox
from stratum1.simulator.world import World
from stratum1.timekeeper.health import Health
from stratum1.timescale import NS_PER_S, iso_utc, parse_iso_utc

START_S = parse_iso_utc("2026-12-05T23:59:00Z") // NS_PER_S  # a minute before the GPS week turns


def told_by(generation: Generation, seconds: int) -> dict[int, int]:
    """Second -> early_ps, as it comes out of the frames of a simulated receiver."""
    world = World()
    module = Module(world, search_s=0.0)
    module.power(True, START_S - 100)
    module.epoch(START_S - 50, Faults())
    receiver = Ublox(generation)
    receiver.rates |= {(0x0D, 0x01): 1, (0x01, 0x20): 1}
    interpreter = Interpreter()
    interpreter.line(b'{"class":"DEVICE","path":"/dev/gps0","driver":"u-blox","activated":"x"}', 0)
    told: dict[int, int] = {}
    for second in range(START_S, START_S + seconds):
        report = f'{{"class":"TPV","device":"/dev/gps0","mode":3,"time":"{iso_utc(second * NS_PER_S)}"}}'
        interpreter.line(report.encode(), second * NS_PER_S + 150_000_000)
        for message in Splitter().feed(b"".join(receiver.burst(module.epoch(second, Faults()), whole_second=True))):
            if isinstance(message, Ubx):
                for event in interpreter.line(message.frame().hex().encode(), second * NS_PER_S):
                    if isinstance(event, Sawtooth):
                        told[event.utc_ns // NS_PER_S] = event.early_ps
    return told


@pytest.mark.parametrize("generation", [M8T, M10])
def test_every_pulse_is_told_of_before_it_comes_with_what_the_hat_makes_of_it(generation: Generation) -> None:
    told = told_by(generation, 300)
    world = World()
    assert told == {second: world.early_ps(second) for second in range(START_S + 1, START_S + 301)}
    assert max(told.values()) - min(told.values()) > 20_000


def test_stamps_of_the_hat_lose_their_sawtooth_by_adding_it_and_gain_by_taking_it_off() -> None:
    told = told_by(M8T, 900)
    world = World()
    # After the second, in ns, as the simulated hat gives its pulses on a line without any other error.
    stamps = {second: -world.early_ps(second) / 1000 for second in told}
    spread = {
        sign: statistics.pstdev(stamp + sign * told[second] / 1000 for second, stamp in stamps.items())
        for sign in (-1, 0, 1)
    }
    assert spread[1] == 0
    assert spread[0] > 5
    assert spread[-1] > 1.9 * spread[0]


def test_the_newest_error_is_shown_and_forgotten_with_the_receiver() -> None:
    health = Health()
    health.take(Sawtooth(0, -7_123))
    assert health.fields()["quantisation_ps"] == -7_123
    health.forget()
    assert health.fields()["quantisation_ps"] is None
