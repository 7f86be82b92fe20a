# SPDX-License-Identifier: MIT
"""What the buttons do: turn pages, show details, and the menu with its countdown.  Pure: time comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stratum1.panel.buttons import Press
from stratum1.panel.pages import PAGES, AskPage, Page, alarms_page, details_page, network_page
from stratum1.panel.world import World
from stratum1.timescale import NS_PER_S

_BACK_NS = 30 * NS_PER_S
"""After this without a press the clock comes back."""
_MENU_NS = 15 * NS_PER_S
_COUNTDOWN_NS = 5 * NS_PER_S
_CLOCK_S = 12
_READ_S = 12
"""Enough for the three screens that the longest advice takes on 64 rows."""

CHOICES = (
    ("cancel", "CANCEL", "back to the clock"),
    ("reboot", "REBOOT", "of the whole box"),
    ("setup", "SETUP MODE", "new web password"),
    ("controller", "PANEL TYPE", "SSD1306 or SH1106"),
    ("factory-reset", "FACTORY RESET", "all settings, password"),
)
"""(order, what the panel calls it, what it does); the first does nothing."""


@dataclass(slots=True)
class _Menu:
    choice: int = 0
    fire_ns: int | None = None
    """When the order is given; None while one is still choosing."""


class Desk:
    """Which page is up.  `give` is called with an order of CHOICES once its countdown has ended."""

    def __init__(self, give: Callable[[str], None]) -> None:
        self._give = give
        self._page = 0
        self._details = False
        self._menu: _Menu | None = None
        self.touched_ns: int | None = None
        """When a button was last pressed; None = never."""

    def press(self, press: Press, now_ns: int) -> None:
        self.touched_ns = now_ns
        if press is Press.BOTH_LONG:
            self._menu = None
            self._give("controller")
        elif self._menu is not None:
            self._choose(self._menu, press, now_ns)
        elif press is Press.BOTH:
            self._menu = _Menu()
        elif press is Press.HOLD_A:
            self._details = not self._details
        elif press is Press.HOLD_B:
            self._page, self._details = 0, False
        else:
            self._details = False
            self._page = (self._page + (1 if press is Press.A else -1)) % len(PAGES)

    def _choose(self, menu: _Menu, press: Press, now_ns: int) -> None:
        if menu.fire_ns is not None or press is Press.BOTH:
            self._menu = None  # whatever is pressed during the countdown stops it
        elif press in (Press.A, Press.HOLD_A):
            menu.choice = (menu.choice + 1) % len(CHOICES)
        elif menu.choice == 0:
            self._menu = None
        else:
            menu.fire_ns = now_ns + _COUNTDOWN_NS

    def turn(self, now_ns: int) -> bool:
        """Let time pass; True when what is up has changed by it."""
        idle = now_ns - (self.touched_ns or 0)
        menu = self._menu
        if menu is not None:
            if menu.fire_ns is not None and now_ns >= menu.fire_ns:
                self._menu = None
                order = CHOICES[menu.choice][0]
                if order in ("setup", "factory-reset"):
                    self._page, self.touched_ns = PAGES.index(network_page), now_ns  # where to go on
                self._give(order)
                return True
            if idle >= _MENU_NS:
                self._menu = None
                return True
            return False
        if (self._page or self._details) and idle >= _BACK_NS:
            self._page, self._details = 0, False
            return True
        return False

    @property
    def on_clock(self) -> bool:
        """Whether the clock is up, whose seconds must come on the second."""
        return self._menu is None and not self._details and self._page == 0

    def page(self, world: World, now_ns: int, cycle_s: int = 0) -> Page:
        """The page that is up.

        While nobody presses, an alarm takes turns with the clock; else, with `cycle_s`, all pages do.
        """
        if self._menu is not None:
            return _ask(self._menu, now_ns)
        if self._details:
            return details_page(world)
        if self._page or (self.touched_ns is not None and now_ns - self.touched_ns < _BACK_NS):
            return PAGES[self._page](world)
        if world.alarms:
            # Who has no buttons must read what to do as well.
            reading = _READ_S if world.height >= 64 else 2 * _READ_S
            turn = world.second % (_CLOCK_S + reading) - _CLOCK_S
            return alarms_page(replace(world, second=turn)) if turn >= 0 else PAGES[0](world)
        return PAGES[world.second // cycle_s % len(PAGES) if cycle_s else 0](world)


def _ask(menu: _Menu, now_ns: int) -> AskPage:
    _, name, does = CHOICES[menu.choice]
    if menu.fire_ns is None:
        return AskPage("A: next   B: do it", name, does, 0.0)
    left = max(menu.fire_ns - now_ns, 0)
    return AskPage("any key stops it", name, f"in {-(-left // NS_PER_S)} s", left / _COUNTDOWN_NS)
