# SPDX-License-Identifier: MIT
"""Two buttons and two lamps on GPIO pins: polled, never through the kernel's edges, and debounced here.

RPi.GPIO's edge detection fails on kernels from 6.6 on, and rpi-lgpio, which offers the same module on a
Pi 5, is to be had everywhere; plain reading works with both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from stratum1.settings import Settings
from stratum1.timescale import NS_PER_MS

POLL_NS = 25 * NS_PER_MS
"""Between two readings while a button is in use."""
IDLE_POLL_NS = 75 * NS_PER_MS
"""Between two readings while none is: a press lasts 100 ms and more, and each waking costs."""
_HOLD_NS = 700 * NS_PER_MS
_BOTH_NS = 2_000 * NS_PER_MS
_BOTH_LONG_NS = 8_000 * NS_PER_MS


class Press(Enum):
    A = "next page"
    B = "page before"
    HOLD_A = "details"
    HOLD_B = "back to the clock"
    BOTH = "menu"
    BOTH_LONG = "other controller"
    """For a panel that shows noise because its controller was told wrong: it needs no reading."""


class Pins(Protocol):
    """GPIO lines by BCM number; OSError when they cannot be had."""

    def pressed(self, pin: int) -> bool: ...

    def lamp(self, pin: int, on: bool) -> None: ...

    def close(self) -> None: ...


@contextlib.contextmanager
def _told(what: str = "") -> Iterator[None]:
    """OSError for whatever goes wrong with a line: that may be an OSError, an lgpio.error or a RuntimeError."""
    try:
        yield
    except Exception as error:
        # An lgpio.error would tell its words in quotes.
        words = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
        raise OSError(f"{what}{words}") from None


class GpioPins:
    """Through the module RPi.GPIO; buttons switch to ground, lamps light when high."""

    def __init__(self, buttons: Iterable[int], lamps: Iterable[int]) -> None:
        try:
            from RPi import GPIO
        except Exception as error:  # on other machines the module refuses with whatever it finds first
            raise OSError(f"no buttons: RPi.GPIO: {error}") from None
        self._gpio: Any = GPIO
        self._used = [*buttons, *lamps]
        with _told("no buttons: "):
            GPIO.setwarnings(False)
            GPIO.setmode(GPIO.BCM)
            for pin in buttons:
                GPIO.setup(pin, GPIO.IN, pull_up_down=GPIO.PUD_UP)
            for pin in lamps:
                GPIO.setup(pin, GPIO.OUT, initial=GPIO.LOW)

    def pressed(self, pin: int) -> bool:
        with _told():
            return not self._gpio.input(pin)

    def lamp(self, pin: int, on: bool) -> None:
        with _told():
            self._gpio.output(pin, on)

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._gpio.cleanup(self._used)


def find_pins(dev: Path, settings: Settings) -> Pins | None:
    """The pins that the settings name; None on a machine without any, OSError when they cannot be had."""
    panel = settings.panel
    buttons = [pin for pin in (panel.button_a, panel.button_b) if pin]
    lamps = [pin for pin in (panel.led_locked, panel.led_alarm) if pin]
    if not any(dev.glob("gpiochip*")) or not (buttons or lamps):
        return None
    return GpioPins(buttons, lamps)


class Debounce:
    """One button: a state counts when two readings in a row agree."""

    def __init__(self) -> None:
        self.down = False
        self.since_ns = 0
        self._last = False

    @property
    def busy(self) -> bool:
        return self.down or self._last

    def read(self, pressed: bool, now_ns: int) -> None:
        if pressed == self._last and pressed != self.down:
            self.down = pressed
            self.since_ns = now_ns
        self._last = pressed


class Buttons:
    """Turns readings of two buttons into presses."""

    def __init__(self) -> None:
        self._a = Debounce()
        self._b = Debounce()
        self._spent = False
        """True from a press that was told until both are up again."""
        self._both_since: int | None = None
        self._single: Press | None = None
        self._menu_told = False

    @property
    def poll_ns(self) -> int:
        """When to read next."""
        return POLL_NS if self._a.busy or self._b.busy else IDLE_POLL_NS

    def read(self, a: bool, b: bool, now_ns: int) -> Press | None:
        """What these readings, taken every poll_ns, mean."""
        self._a.read(a, now_ns)
        self._b.read(b, now_ns)
        if self._a.down and self._b.down:
            return self._both(now_ns)
        self._both_since = None
        if not self._a.down and not self._b.down:
            told, self._single = (None if self._spent else self._single), None
            self._spent = self._menu_told = False
            return told
        if self._spent:
            return None
        button, short, long = (self._a, Press.A, Press.HOLD_A) if self._a.down else (self._b, Press.B, Press.HOLD_B)
        self._single = short
        if now_ns - button.since_ns >= _HOLD_NS:
            self._spent = True
            return long
        return None

    def _both(self, now_ns: int) -> Press | None:
        self._spent = True
        if self._both_since is None:
            self._both_since = now_ns
        held = now_ns - self._both_since
        if held >= _BOTH_LONG_NS:
            self._both_since = now_ns + 3600 * 1_000 * NS_PER_MS  # once is enough
            return Press.BOTH_LONG
        if held >= _BOTH_NS and not self._menu_told:
            self._menu_told = True
            return Press.BOTH
        return None
