# SPDX-License-Identifier: MIT
"""The loop of the panel process in simulated time: the right second, on the second, whatever breaks."""

from __future__ import annotations

import errno
import signal
from dataclasses import replace

import pytest

from stratum1.panel.loop import Panel, Parts
from stratum1.panel.process import draw_page
from stratum1.panel.world import World
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_S
from stratum1.words import describe, moment

START = 1_795_000_000 * NS_PER_S + 123_456_789


class Clock:
    """Time passes only in sleeps and where a test says so; ends with SIGTERM after `seconds`."""

    def __init__(self, seconds):
        self.ns = START
        self.end = START + seconds * NS_PER_S
        self.events = []  # (instant, what to do)
        self.stepped = 0

    def now(self):
        return self.ns

    def monotonic(self):
        return self.ns - self.stepped

    def wait(self, ns):
        wake = self.ns + max(ns, 0)
        for event in sorted(self.events, key=lambda item: item[0]):
            if event[0] <= wake:
                self.events.remove(event)
                self.ns = max(self.ns, event[0])
                return event[1]()
        self.ns = wake
        if self.ns >= self.end:
            return signal.SIGTERM
        return None


class Sources:
    """Pages that say which second they were drawn for."""

    def __init__(self):
        self.drawn = []
        self.level = "alarm"

    def world(self, target, settings, height=64, glass=""):
        self.drawn.append(target)
        return World(
            status=replace(describe(None, None), time=moment(target).time, level=self.level), second=target // NS_PER_S
        )


class Glass:
    name = "glass"
    size = (128, 64)

    def __init__(self, clock, lead_ns=0, draw_ns=0):
        self.clock, self.lead_ns, self.draw_ns = clock, lead_ns, draw_ns
        self.sent = []
        self.lights = []
        self.fault = None
        self.closed = 0

    def prepare(self, image, urgent):
        self.clock.ns += self.draw_ns
        return self.lead_ns

    def send(self):
        if self.fault:
            raise OSError(self.fault, "gone")
        self.sent.append(self.clock.ns)

    def light(self, level):
        self.lights.append(level)

    def close(self):
        self.closed += 1


class House:
    """A panel process with all that is handed in."""

    def __init__(self, seconds=10, settings=None, **glass):
        self.clock = Clock(seconds)
        self.glass = Glass(self.clock, **glass)
        self.sources = Sources()
        self.found = []
        self.missing = None
        self.settings = settings or Settings()
        self.beats = 0
        self.said = []
        self.pins = None
        self.orders = []

    def find(self, settings):
        self.found.append(self.clock.ns)
        if self.missing:
            raise OSError(self.missing)
        return self.glass

    def beat(self):
        self.beats += 1

    def run(self):
        parts = Parts(
            clock=self.clock,
            source=self.sources,
            find_glass=self.find,
            draw=draw_page,
            find_pins=lambda settings: self.pins,
            load_settings=lambda: self.settings,
            give=lambda *order: self.orders.append(order),
            beat=self.beat,
            say=self.said.append,
        )
        return Panel(parts).run()


@pytest.mark.parametrize("lead_ns", [0, 7_000_000, 50_000_000])
def test_every_second_is_shown_once_and_on_the_second(lead_ns):
    house = House(lead_ns=lead_ns, draw_ns=15_000_000)
    assert house.run() == 0
    first = START // NS_PER_S + 1
    assert house.sources.drawn == [(first + i) * NS_PER_S for i in range(10)]
    assert house.glass.sent == [target - lead_ns for target in house.sources.drawn]


def test_a_frame_drawn_too_late_is_not_shown():
    house = House(draw_ns=400_000_000)
    house.run()
    assert house.glass.sent == []
    assert house.beats >= 5


def test_a_clock_set_back_does_not_freeze_the_panel():
    house = House()

    def set_back():
        house.clock.ns = START - 3600 * NS_PER_S
        house.clock.stepped = -3604 * NS_PER_S
        house.clock.end = START - 3590 * NS_PER_S

    house.clock.events = [(START + 4 * NS_PER_S, set_back)]
    assert house.run() == 0
    back = [instant for instant in house.glass.sent if instant < START - 3500 * NS_PER_S]
    assert len(back) >= 8
    assert all(instant % NS_PER_S == 0 for instant in house.glass.sent)


def test_no_panel_is_said_once_and_looked_for_again():
    house = House(seconds=30)
    house.missing = "no panel: nothing answers"
    house.run()
    assert house.said == ["no panel: nothing answers"]
    assert 5 <= len(house.found) <= 7
    assert house.beats >= 30


def test_a_panel_plugged_in_later_comes_up():
    house = House(seconds=20)
    house.missing = "no panel"
    house.clock.events = [(START + 8 * NS_PER_S, lambda: setattr(house, "missing", None))]
    house.run()
    assert house.said == ["no panel", "panel found: glass"]
    assert len(house.glass.sent) >= 5


def test_a_panel_pulled_off_is_said_once_and_comes_back():
    house = House(seconds=20)

    def pull():
        house.glass.fault, house.missing = errno.ETIMEDOUT, "no panel"

    def plug():
        house.glass.fault, house.missing = None, None

    house.clock.events = [(START + 4 * NS_PER_S, pull), (START + 9 * NS_PER_S, plug)]
    house.run()
    assert house.said[1] == "panel lost: glass: the I2C bus hangs; check SDA and SCL"
    assert house.said[2:] == ["no panel", "panel found: glass"]
    assert house.glass.closed == 2  # once when it was lost, once at the end
    assert len(house.glass.lights) == 2  # it comes back with its own brightness


def test_new_settings_change_the_panel_at_once():
    house = House(seconds=6)

    def change():
        house.settings = house.settings.changed("panel.rotate", True)
        return signal.SIGHUP

    house.clock.events = [(START + 3 * NS_PER_S, change)]
    house.run()
    assert len(house.found) == 2


def test_settings_of_others_leave_the_panel_alone():
    house = House(seconds=6)

    def change():
        house.settings = house.settings.changed("system.zone", "UTC").changed("ntp.port", 1123)
        return signal.SIGHUP

    house.clock.events = [(START + 3 * NS_PER_S, change)]
    house.run()
    assert len(house.found) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_the_panel_dark(number):
    house = House()
    house.clock.events = [(START + 3 * NS_PER_S, lambda: number)]
    assert house.run() == 0
    assert house.glass.closed == 1
    assert len(house.glass.sent) <= 4


class Wires:
    """Pins whose buttons a test presses."""

    def __init__(self):
        self.down = set()
        self.lamps = {}
        self.fault = None
        self.closed = False

    def pressed(self, pin):
        if self.fault:
            raise OSError(self.fault)
        return pin in self.down

    def lamp(self, pin, on):
        self.lamps[pin] = on

    def close(self):
        self.closed = True


def ask_for_reboot(house):
    """Both buttons open the menu, A chooses the reboot, B starts its countdown at 4.8 s."""
    for at, down in [(1.0, {22, 23}), (3.5, set()), (4.0, {22}), (4.2, set()), (4.6, {23}), (4.8, set())]:
        house.clock.events.append((START + round(at * NS_PER_S), lambda down=down: setattr(house.pins, "down", down)))


def test_a_button_shows_its_page_at_once():
    house = House(seconds=4)
    house.pins = Wires()
    down = START // NS_PER_S * NS_PER_S + 2 * NS_PER_S + 300_000_000
    house.clock.events = [
        (down, lambda: house.pins.down.add(22)),
        (down + 100_000_000, lambda: house.pins.down.discard(22)),
    ]
    house.run()
    between = [instant for instant in house.glass.sent if instant % NS_PER_S]
    assert len(between) == 1
    assert 0 < between[0] - down - 100_000_000 <= 75_000_000
    whole = [instant for instant in house.glass.sent if instant % NS_PER_S == 0]
    assert len(whole) == 4, "the seconds go on"
    assert house.pins.closed


def test_buttons_that_fail_are_said_once_and_the_clock_goes_on():
    house = House(seconds=6)
    house.pins = Wires()
    house.clock.events = [(START + 2 * NS_PER_S, lambda: setattr(house.pins, "fault", "line lost"))]
    house.run()
    assert house.said == ["panel found: glass", "buttons lost: line lost"]
    assert len(house.glass.sent) == 6


def test_the_lamps_follow_the_state_even_without_a_panel():
    house = House(seconds=3, settings=Settings().changed("panel.led_alarm", 17).changed("panel.led_locked", 27))
    house.pins = Wires()
    house.missing = "no panel"
    house.run()
    assert house.pins.lamps == {17: True, 27: False}


def test_holding_both_gives_the_order_for_the_other_controller():
    house = House(seconds=12)
    house.pins = Wires()
    house.clock.events = [(START + NS_PER_S, lambda: house.pins.down.update({22, 23}))]
    house.run()
    assert [order for order, _, _ in house.orders] == ["controller"]


def test_a_clock_that_jumps_gives_no_order():
    house = House(seconds=30)
    house.pins = Wires()
    ask_for_reboot(house)

    def jump():
        house.clock.ns += 3600 * NS_PER_S
        house.clock.stepped += 3600 * NS_PER_S
        house.clock.end += 3600 * NS_PER_S
        house.pins.down.add(22)  # and somebody stops it

    house.clock.events.append((START + round(5.5 * NS_PER_S), jump))
    house.run()
    assert house.orders == []


def test_it_dims_after_its_time_and_is_told_so_once():
    house = House(seconds=40, settings=Settings().changed("panel.dim_after_s", 20))
    house.sources.level = "good"
    house.run()
    assert house.glass.lights == [160, 40]


def test_a_countdown_ends_with_the_buttons():
    house = House(seconds=20)
    house.pins = Wires()
    ask_for_reboot(house)
    house.clock.events.append((START + 6 * NS_PER_S, lambda: setattr(house.pins, "fault", "line lost")))
    house.run()
    assert house.orders == []


def test_a_countdown_that_nobody_stops_gives_its_order():
    house = House(seconds=20)
    house.pins = Wires()
    ask_for_reboot(house)
    house.run()
    assert [order for order, _, _ in house.orders] == ["reboot"]


def test_the_picture_moves_after_the_second_and_not_on_it():
    house = House(seconds=400, draw_ns=1_000_000)
    house.run()
    late = [instant for instant in house.glass.sent if instant % NS_PER_S]
    assert len(late) == 2
    assert all(instant % NS_PER_S < 100_000_000 for instant in late)
