# SPDX-License-Identifier: MIT
"""The panel's loop: one picture for each second, drawn beforehand, sent on the second; buttons in between."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from stratum1.panel.bus import gone
from stratum1.panel.buttons import Buttons, Pins
from stratum1.panel.desk import Desk
from stratum1.panel.draw import urgent_rows
from stratum1.panel.glass import Glass
from stratum1.panel.light import level, shift
from stratum1.panel.pages import Page
from stratum1.panel.world import World
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_MS, NS_PER_S

# A frame is drawn this long before its second; a Pi Zero 2 needs about 15 ms for it.
_DRAW_AHEAD_NS = 80 * NS_PER_MS
# A frame later than this shows a second that is over: it is thrown away.
_TOO_LATE_NS = 300 * NS_PER_MS
_LOOK_AGAIN_NS = 5 * NS_PER_S


class Clock(Protocol):
    def now(self) -> int:
        """Served UTC (ns), or the kernel's where nothing is served."""

    def monotonic(self) -> int:
        """Nanoseconds that no step of any clock disturbs."""

    def wait(self, ns: int) -> int | None:
        """Sleep for `ns`; the number of a signal that came meanwhile, or None."""


class Source(Protocol):
    def world(self, target: int, settings: Settings, height: int = 64, glass: str = "") -> World:
        """What is true at the second that begins at `target` (served UTC, ns)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop is given: nothing of it is looked up here."""

    clock: Clock
    source: Source
    find_glass: Callable[[Settings], Glass]
    """OSError with one line when there is no panel."""
    draw: Callable[[tuple[int, int], Page, World, Settings, tuple[int, int]], Image.Image]
    """The picture of a size: of the page that is up, or of the world; moved a little against burn-in."""
    find_pins: Callable[[Settings], Pins | None]
    """None where there are no buttons, OSError with one line where they cannot be had."""
    load_settings: Callable[[], Settings]
    give: Callable[[str, Settings, str], None]
    """Carry an order out: the order, the settings and the name of the glass."""
    beat: Callable[[], None]
    say: Callable[[str], None]


class Panel:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._settings = parts.load_settings()
        self._desk = Desk(self._order)
        self._buttons = Buttons()
        self._pins: Pins | None = None
        self._glass: Glass | None = None
        self._look_at: int | None = None
        self._found_ns = 0
        self._said = ""
        self._shift: tuple[int, int] | None = None
        self._level: int | None = None
        self._lamps: tuple[bool, bool] | None = None

    def run(self) -> int:
        """Turn until SIGTERM or SIGINT; gives the exit status."""
        self._take_pins()
        shown = 0
        while True:
            self._parts.beat()
            now = self._clock.now()
            target = (now // NS_PER_S + 1) * NS_PER_S
            if target == shown:
                target += NS_PER_S  # it was sent a little ahead of its time
            came = self._idle(target - _DRAW_AHEAD_NS - now)
            if came is None:
                came = self._second(target)
            if came == signal.SIGHUP:
                self._reload()
            elif came is not None:
                self._end()
                return 0
            shown = target

    def _idle(self, ns: int) -> int | None:
        """Wait, with an eye on the buttons; gives a signal's number."""
        if self._pins is None:
            return self._clock.wait(ns)
        until = self._clock.monotonic() + ns
        while True:
            left = until - self._clock.monotonic()
            nap = min(left, self._buttons.poll_ns)
            came = self._clock.wait(nap)
            if came is not None or nap == left:
                return came
            if self._touched():
                self._redraw()

    def _touched(self) -> bool:
        """Read the buttons; True when what is up may have changed."""
        pins, panel = self._pins, self._settings.panel
        if pins is None:
            return False
        now = self._clock.monotonic()
        try:
            a = bool(panel.button_a) and pins.pressed(panel.button_a)
            b = bool(panel.button_b) and pins.pressed(panel.button_b)
        except OSError as error:
            self._parts.say(f"buttons lost: {error}")
            self._drop_pins()
            return False
        press = self._buttons.read(a, b, now)
        if press is not None:
            self._desk.press(press, now)
        return self._desk.turn(now) or press is not None

    def _second(self, target: int) -> int | None:
        """Draw and show the second that begins at `target`; a signal's number when one came."""
        glass = self._glass or self._look()
        world = self._world(target, glass)
        if glass is None:
            return None
        try:
            # Moving the whole picture takes too long for the second itself: it waits until after it.
            wanted = shift(target // NS_PER_S)
            self._shift = self._shift or wanted
            came = self._show(glass, world, target)
            if came is None and wanted != self._shift:
                self._shift = wanted
                self._show(glass, world, None)
            return came
        except OSError as error:
            self._lost(glass, error)
        return None

    def _redraw(self) -> None:
        """Show at once what a button has called up."""
        glass = self._glass
        if glass is None:
            return
        now = self._clock.now()
        if now % NS_PER_S > NS_PER_S - 2 * _DRAW_AHEAD_NS:
            return  # the next second is about to be drawn anyway
        try:
            self._show(glass, self._world(now // NS_PER_S * NS_PER_S, glass), None)
        except OSError as error:
            self._lost(glass, error)

    def _show(self, glass: Glass, world: World, target: int | None) -> int | None:
        """Draw what is up and send it, at `target` or at once."""
        page = self._desk.page(world, self._clock.monotonic(), self._settings.panel.cycle_s)
        image = self._parts.draw(glass.size, page, world, self._settings, self._shift or (0, 0))
        lead = glass.prepare(image, urgent_rows(glass.size))
        if target is not None:
            left = target - lead - self._clock.now()
            if left > 2 * _DRAW_AHEAD_NS:
                return None  # the clock was set back meanwhile: this is no longer the next second
            if left > 0:
                came = self._clock.wait(left)
                if came is not None:
                    return came
            if self._clock.now() - target >= _TOO_LATE_NS:
                return None
        glass.send()
        since = max(self._found_ns, self._desk.touched_ns or 0)
        light = level(self._settings, world.status, self._clock.monotonic() - since)
        if light != self._level:
            glass.light(light)
            self._level = light
        return None

    def _world(self, target: int, glass: Glass | None) -> World:
        """What is true then; the lamps follow it whether there is a panel or not."""
        height = glass.size[1] if glass else 64
        world = self._parts.source.world(target, self._settings, height, glass.name if glass else "")
        lamps = (world.status.level == "good", world.status.level == "alarm")
        if self._pins is not None and lamps != self._lamps:
            self._lamps = lamps
            panel = self._settings.panel
            try:
                for pin, on in zip((panel.led_locked, panel.led_alarm), lamps, strict=True):
                    if pin:
                        self._pins.lamp(pin, on)
            except OSError as error:
                self._parts.say(f"lamps lost: {error}")
                self._drop_pins()
        return world

    def _look(self) -> Glass | None:
        """Try to find a panel, now and then."""
        now = self._clock.monotonic()
        if self._look_at is not None and now < self._look_at:
            return None
        self._look_at = now + _LOOK_AGAIN_NS
        try:
            self._glass = self._parts.find_glass(self._settings)
        except OSError as error:
            self._tell(str(error))
            return None
        self._level = None
        self._found_ns = now
        self._tell(f"panel found: {self._glass.name}")
        return self._glass

    def _lost(self, glass: Glass, error: OSError) -> None:
        self._tell(f"panel lost: {glass.name}: {gone(error)}")
        self._drop_glass()
        self._look_at = self._clock.monotonic() + NS_PER_S

    def _tell(self, text: str) -> None:
        """Say a thing once, however often it is found to be so."""
        if text != self._said:
            self._parts.say(text)
            self._said = text

    def _order(self, order: str) -> None:
        self._parts.say(f"order from the buttons: {order}")
        self._parts.give(order, self._settings, self._glass.name if self._glass else "")
        if order in ("controller", "factory-reset"):
            self._reload()

    def _reload(self) -> None:
        new = self._parts.load_settings()
        old, self._settings = self._settings, new
        if new.panel != old.panel:
            self._drop_glass()
            self._drop_pins()
            self._look_at = None
            self._take_pins()

    def _take_pins(self) -> None:
        try:
            self._pins = self._parts.find_pins(self._settings)
        except OSError as error:
            self._parts.say(str(error))
        self._lamps = None

    def _drop_pins(self) -> None:
        if self._pins is not None:
            self._pins.close()
            self._pins = None
            self._desk = Desk(self._order)  # nobody could stop a countdown any more

    def _drop_glass(self) -> None:
        if self._glass is not None:
            self._glass.close()
            self._glass = None

    def _end(self) -> None:
        self._drop_glass()
        self._drop_pins()
