# SPDX-License-Identifier: MIT
"""The simulated world is close to this machine's clock, one to one with it, and counts leap seconds rightly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratum1.simulator.faults import Faults
from stratum1.simulator.module import Module
from stratum1.simulator.nmea import burst
from stratum1.simulator.sky import satellites
from stratum1.simulator.world import Label, Leap, World
from stratum1.timescale import NS_PER_S

MIDNIGHT_S = 1_798_761_600
instants = st.integers(0, 4_000_000_000 * NS_PER_S)


@given(instants, st.integers(-(10**18), 10**18))
def test_true_time_wanders_by_microseconds_about_the_shifted_clock(kernel_ns: int, shift_ns: int) -> None:
    world = World(shift_ns)
    assert abs(world.count(kernel_ns) - kernel_ns - shift_ns) <= 22_000


@given(instants)
def test_kernel_is_the_inverse_of_count(kernel_ns: int) -> None:
    world = World()
    assert abs(world.kernel(world.count(kernel_ns)) - kernel_ns) <= 1


@given(instants)
def test_the_wander_is_slower_than_a_fifth_of_a_ppm(kernel_ns: int) -> None:
    world = World()
    change = world.count(kernel_ns + NS_PER_S) - world.count(kernel_ns) - NS_PER_S
    assert abs(change) <= 200


def test_stamps_are_late_by_the_interrupt_and_hardly_ever_early() -> None:
    world = World(seed=1)
    late = sorted(world.stamp(s * NS_PER_S) - world.kernel(s * NS_PER_S) for s in range(2000))
    assert late[0] > -150
    assert 200 < late[1000] < 1500
    assert late[-1] > 5_000


def test_a_leap_second_is_inserted() -> None:
    world = World(leap=Leap(MIDNIGHT_S * NS_PER_S, +1))
    labels = [world.label(MIDNIGHT_S + i) for i in (-1, 0, 1, 2)]
    assert labels == [
        Label(MIDNIGHT_S - 1),
        Label(MIDNIGHT_S - 1, is_leap=True),
        Label(MIDNIGHT_S),
        Label(MIDNIGHT_S + 1),
    ]


def test_a_leap_second_is_left_out() -> None:
    world = World(leap=Leap(MIDNIGHT_S * NS_PER_S, -1))
    assert [world.label(MIDNIGHT_S + i).unix_s for i in (-2, -1, 0)] == [MIDNIGHT_S - 2, MIDNIGHT_S, MIDNIGHT_S + 1]


def test_the_leap_second_is_written_as_sixty() -> None:
    world = World(leap=Leap(MIDNIGHT_S * NS_PER_S, +1))
    module = Module(world, search_s=0.0)
    module.power(True, MIDNIGHT_S - 60)
    module.epoch(MIDNIGHT_S - 60, Faults())
    assert burst(module.epoch(MIDNIGHT_S, Faults()))[0].startswith(b"$GPRMC,235960.00,A,")


def test_a_cold_receiver_knows_no_time_then_finds_2d_then_3d() -> None:
    module = Module(World(), search_s=4.0)
    module.power(True, 1000.0)
    moments = [module.epoch(1000 + s, Faults()) for s in range(10)]
    assert moments[0].label is None
    assert burst(moments[0])[0].startswith(b"$GPRMC,,V,")
    modes = [moment.fix_mode for moment in moments]
    assert modes == sorted(modes)
    assert set(modes) == {1, 2, 3}
    assert all((moment.label is None) == (moment.fix_mode == 1) for moment in moments)


def test_a_receiver_that_lost_its_fix_goes_on_with_the_time_it_had() -> None:
    module = Module(World(), search_s=0.0)
    module.power(True, 1000.0)
    module.epoch(1010, Faults())
    moment = module.epoch(1020, Faults(no_fix=True))
    assert (moment.fix_mode, moment.label) == (1, Label(1020))
    assert module.pulses


@given(st.integers(0, 4_000_000_000))
def test_there_are_always_enough_satellites(unix_s: int) -> None:
    sky = satellites(unix_s)
    assert sum(satellite.used for satellite in sky) >= 4
    assert len({satellite.prn for satellite in sky}) == len(sky)
    for satellite in sky:
        assert 0 < satellite.elevation_deg <= 90
        assert 0 <= satellite.azimuth_deg < 360
        assert 20 < satellite.cn0_dbhz < 55


@given(st.integers(0, 4_000_000_000), st.floats(0.0, 1.0))
def test_no_sentence_is_longer_than_nmea_allows(unix_s: int, share: float) -> None:
    module = Module(World(), search_s=0.0)
    module.power(True, float(unix_s) - 100.0)
    for line in burst(module.epoch(unix_s, Faults())):
        assert len(line) <= 82
        assert line.isascii()
