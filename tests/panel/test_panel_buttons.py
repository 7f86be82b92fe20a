# SPDX-License-Identifier: MIT
"""Presses are told once and as they were meant, however the contacts bounce; nothing grave happens unasked."""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.panel.buttons import POLL_NS, Buttons, Press, find_pins
from stratum1.panel.desk import CHOICES, Desk
from stratum1.panel.pages import PAGES, TURN_S, AskPage, ClockPage, CodePage, ListPage, TextPage
from stratum1.panel.samples import worlds
from stratum1.panel.sheet import wrap
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_S
from stratum1.tracking import Reason
from stratum1.words import REASONS

WORLD = dict(worlds(64))["locked"]


def presses(script):
    """What is told while (seconds, A, B) last one after the other, all up at the end."""
    buttons, told, now, end = Buttons(), [], 0, 0
    for seconds, a, b in [*script, (0.3, False, False)]:
        end += round(seconds * NS_PER_S)
        while now < end:
            press = buttons.read(a, b, now)
            if press:
                told.append(press)
            now += buttons.poll_ns
    return told


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([(0.1, True, False)], [Press.A]),
        ([(1.04, False, False), (0.1, True, False)], [Press.A]),
        ([(0.1, False, True)], [Press.B]),
        ([(0.1, True, False), (0.1, False, False), (0.1, True, False)], [Press.A, Press.A]),
        ([(1.5, True, False)], [Press.HOLD_A]),
        ([(1.5, False, True)], [Press.HOLD_B]),
        ([(1.0, True, True)], []),
        ([(2.5, True, True)], [Press.BOTH]),
        ([(0.2, True, False), (2.5, True, True), (0.3, False, True)], [Press.BOTH]),
        ([(20, True, True)], [Press.BOTH, Press.BOTH_LONG]),
        ([(0.025, True, False)], []),  # one reading is a spark
    ],
)
def test_presses_are_told_as_they_were_meant(script, told):
    assert presses(script) == told


def test_a_contact_that_bounces_is_one_press():
    bounce = [(0.025, i % 2 == 0, False) for i in range(9)]
    assert presses([*bounce, (0.3, True, False), *bounce]) == [Press.A]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=300))
def test_without_holding_both_for_two_seconds_there_is_no_menu(readings):
    buttons, told, run, longest = Buttons(), set(), 0, 0
    for index, (a, b) in enumerate(readings):
        run = run + 1 if a and b else 0
        longest = max(longest, run)
        told.add(buttons.read(a, b, (index + 1) * POLL_NS))
    if longest * POLL_NS < 2 * NS_PER_S:
        assert not told & {Press.BOTH, Press.BOTH_LONG}


class Orders(list):
    def desk(self):
        return Desk(self.append)


def test_a_turns_the_pages_round_and_b_turns_back():
    desk = Orders().desk()
    seen = []
    for _ in PAGES:
        seen.append(type(desk.page(WORLD, 0)))
        desk.press(Press.A, 0)
    assert seen == [type(page(WORLD)) for page in PAGES]
    assert desk.on_clock
    desk.press(Press.B, 0)
    assert desk.page(WORLD, 0) == PAGES[-1](WORLD)


def test_holding_shows_details_and_time_brings_the_clock_back():
    desk = Orders().desk()
    desk.press(Press.HOLD_A, 0)
    page = desk.page(WORLD, 0)
    assert isinstance(page, ListPage) and page.title == "DETAILS"
    assert not desk.turn(29 * NS_PER_S)
    assert desk.turn(30 * NS_PER_S)
    assert desk.on_clock


def test_holding_b_goes_back_to_the_clock():
    desk = Orders().desk()
    desk.press(Press.A, 0)
    desk.press(Press.HOLD_B, 0)
    assert desk.on_clock


@pytest.mark.parametrize("index", range(1, len(CHOICES)))
def test_an_order_is_given_once_and_only_after_its_countdown(index):
    orders = Orders()
    desk = orders.desk()
    desk.press(Press.BOTH, 0)
    for _ in range(index):
        desk.press(Press.A, 0)
    page = desk.page(WORLD, 0)
    assert isinstance(page, AskPage) and page.choice == CHOICES[index][1]
    desk.press(Press.B, NS_PER_S)
    assert desk.page(WORLD, NS_PER_S).hint == "in 5 s"
    assert desk.page(WORLD, 3 * NS_PER_S).fraction == pytest.approx(0.6)
    assert not desk.turn(6 * NS_PER_S - 1) and orders == []
    assert desk.turn(6 * NS_PER_S) and orders == [CHOICES[index][0]]
    assert not desk.turn(9 * NS_PER_S) and orders == [CHOICES[index][0]]


@pytest.mark.parametrize("press", [press for press in Press if press is not Press.BOTH_LONG])
def test_any_press_stops_the_countdown(press):
    orders = Orders()
    desk = orders.desk()
    desk.press(Press.BOTH, 0)
    desk.press(Press.A, 0)
    desk.press(Press.B, 0)
    desk.press(press, 4 * NS_PER_S)
    desk.turn(60 * NS_PER_S)
    assert orders == []


def test_the_first_choice_does_nothing_and_a_forgotten_menu_goes_away():
    orders = Orders()
    desk = orders.desk()
    desk.press(Press.BOTH, 0)
    desk.press(Press.B, 0)
    assert desk.on_clock
    desk.press(Press.BOTH, 0)
    assert desk.turn(15 * NS_PER_S)
    assert desk.on_clock and orders == []


def test_holding_both_on_switches_the_controller_without_reading():
    orders = Orders()
    desk = orders.desk()
    desk.press(Press.BOTH, 0)
    desk.press(Press.BOTH_LONG, 6 * NS_PER_S)
    assert orders == ["controller"] and desk.on_clock


def test_pages_take_turns_by_themselves_until_somebody_presses():
    desk = Orders().desk()
    kinds = {type(desk.page(WORLD, 0, 5))}
    for second in range(0, 35, 5):
        world = WORLD.__class__(status=WORLD.status, second=second, url=WORLD.url, satellites=WORLD.satellites)
        kinds.add(type(desk.page(world, second * NS_PER_S, 5)))
    assert {CodePage, ListPage} <= kinds
    desk.press(Press.A, 0)
    assert desk.page(WORLD, 0, 5) == PAGES[1](WORLD)


@pytest.mark.parametrize("height", [64, 32])
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_without_a_button_the_whole_advice_takes_turns_with_the_clock(reason, height):
    said = REASONS[reason]
    world = replace(WORLD, height=height, alarms=(f"{said.headline} {said.advice}",))
    desk = Orders().desk()
    pages = [desk.page(replace(world, second=second), 0) for second in range(48_000, 48_072)]
    texts = [page for page in pages if isinstance(page, TextPage)]
    assert 24 <= len(texts) <= 48
    lines, size = len(wrap(world.alarms[0], 126)), 5 if height == 64 else 2
    assert {page.second // TURN_S for page in texts} >= set(range(-(-lines // size))), "the end is never shown"
    desk.press(Press.HOLD_B, 0)
    assert {type(desk.page(replace(world, second=second), 0)) for second in range(72)} == {ClockPage}


class FakeGpio(types.ModuleType):
    """The module RPi.GPIO as far as it is used; levels are those of the wires."""

    BCM, IN, OUT, PUD_UP, LOW = 11, 1, 0, 22, 0

    def __init__(self):
        super().__init__("RPi.GPIO")
        self.setups = {}
        self.levels = {}
        self.busy = set()
        self.cleaned = None

    def setwarnings(self, on):
        pass

    def setmode(self, mode):
        assert mode == self.BCM

    def setup(self, pin, direction, pull_up_down=None, initial=None):
        if pin in self.busy:
            raise RuntimeError("GPIO busy")
        self.setups[pin] = (direction, pull_up_down, initial)

    def input(self, pin):
        return self.levels.get(pin, 1)

    def output(self, pin, on):
        self.levels[pin] = int(on)

    def cleanup(self, pins):
        self.cleaned = list(pins)


@pytest.fixture
def gpio(monkeypatch):
    module, package = FakeGpio(), types.ModuleType("RPi")
    package.GPIO = module
    monkeypatch.setitem(sys.modules, "RPi", package)
    monkeypatch.setitem(sys.modules, "RPi.GPIO", module)
    return module


@pytest.fixture
def dev(tmp_path):
    (tmp_path / "gpiochip0").touch()
    return tmp_path


def test_buttons_pull_up_and_read_low_as_pressed(gpio, dev):
    pins = find_pins(dev, Settings().changed("panel.led_alarm", 17))
    assert gpio.setups == {22: (1, 22, None), 23: (1, 22, None), 17: (0, None, 0)}
    assert not pins.pressed(22)
    gpio.levels[22] = 0
    assert pins.pressed(22)
    pins.lamp(17, True)
    assert gpio.levels[17] == 1
    pins.close()
    assert gpio.cleaned == [22, 23, 17]


def test_a_machine_without_gpio_has_no_buttons_and_that_is_all(tmp_path):
    assert find_pins(tmp_path, Settings()) is None


def test_what_the_library_says_in_quotes_is_said_without(gpio, dev, monkeypatch):
    class LgpioError(Exception):
        """As lgpio.error, whose text is the repr of what it was given."""

        def __str__(self):
            return repr(self.args[0])

    def refuse(*arguments, **named):
        raise LgpioError("GPIO operation not permitted")

    monkeypatch.setattr(gpio, "setup", refuse)
    with pytest.raises(OSError, match=r"^no buttons: GPIO operation not permitted$"):
        find_pins(dev, Settings())


def test_a_line_that_goes_away_is_an_error_of_the_line_and_no_crash(gpio, dev, monkeypatch):
    pins = find_pins(dev, Settings())

    def refuse(*arguments):
        raise RuntimeError("bad GPIO number")

    monkeypatch.setattr(gpio, "input", refuse)
    monkeypatch.setattr(gpio, "output", refuse)
    with pytest.raises(OSError, match=r"^bad GPIO number$"):
        pins.pressed(22)
    with pytest.raises(OSError, match=r"^bad GPIO number$"):
        pins.lamp(17, True)


def test_a_pin_in_use_is_said_in_one_line(gpio, dev):
    gpio.busy.add(23)
    with pytest.raises(OSError, match="no buttons: GPIO busy"):
        find_pins(dev, Settings())


@pytest.mark.parametrize("pin", [2, 3, 4, 5, 14, 15, 18, 28, -1])
def test_pins_of_others_are_refused(pin):
    with pytest.raises(Exception, match=r"panel\.button_a"):
        Settings().changed("panel.button_a", pin)
