# SPDX-License-Identifier: MIT
"""OLED panels on I2C: found by themselves, told apart, and sent only what changed."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luma.oled.device import sh1106, ssd1306, ssd1309
from PIL import Image

from stratum1.panel.bus import Bus, KernelBus, Wire, buses
from stratum1.panel.paging import Patch, pages_of, patches

ADDRESSES = (0x3C, 0x3D)
_NOP = 0xE3
_COLUMNS = 0x21
_PAGES = 0x22
# An SH1106 has 132 columns and a glass of 128 in their middle.
_SH1106_LEFT = 2
# Status bit 6: the display is off (data sheets of SSD1306, 8.2 and of SH1106, "Read Status").
_STATUS_OFF = 0x40


class _Windows:
    """luma's display() reads every pixel in Python; this sends the same bytes from packed pages."""

    command: Callable[..., None]
    data: Callable[[bytes], None]
    rectangles = True

    def patch(self, patch: Patch, pages: tuple[bytes, ...]) -> None:
        self.command(_COLUMNS, patch.left, patch.right, _PAGES, patch.top, patch.bottom)
        self.data(patch.cut(pages))

    def display(self, image: Image.Image) -> None:
        pages = pages_of(image)
        for page in range(len(pages)):
            self.patch(Patch(0, image.width - 1, page, page), pages)


class _Ssd1306(_Windows, ssd1306):  # type: ignore[misc]
    pass


class _Ssd1309(_Windows, ssd1309):  # type: ignore[misc]
    pass


class _Sh1106(_Windows, sh1106):  # type: ignore[misc]
    rectangles = False

    def patch(self, patch: Patch, pages: tuple[bytes, ...]) -> None:
        left = patch.left + _SH1106_LEFT
        self.command(0xB0 | patch.top, left & 0x0F, 0x10 | left >> 4)
        self.data(patch.cut(pages))


_DRIVERS: dict[str, Any] = {"ssd1306": _Ssd1306, "ssd1309": _Ssd1309, "sh1106": _Sh1106}


class NoPanelError(OSError):
    """There is no panel, and why, in one line."""


class Oled:
    """A monochrome OLED of 128 columns; luma.oled sets the controller up, this sends the pictures."""

    def __init__(self, wire: Wire, bus: Bus, controller: str, height: int, rotate: bool, where: str) -> None:
        self._wire = wire
        self._bus = bus
        self._rotate = rotate
        self.size = (128, height)
        self.name = f"{controller.upper()} 128x{height} at 0x{wire.address:02X} on {where}"
        self._device = _DRIVERS[controller](wire, width=128, height=height)
        # The device's own end would talk to a bus that is closed by then, or to a panel pulled long ago.
        self._device.persist = True
        self._shown = pages_of(Image.new("1", self.size))
        self._new = self._shown
        self._patches: list[Patch] = []
        status = wire.status()
        self._tells_status = status is not None and not status & _STATUS_OFF
        self._dark = False

    def prepare(self, image: Image.Image, urgent: tuple[int, int]) -> int:
        if self._rotate:
            image = image.transpose(Image.Transpose.ROTATE_180)
            urgent = (self.size[1] - urgent[1], self.size[1] - urgent[0])
        self._new = pages_of(image)
        first, last = urgent[0] // 8, (urgent[1] - 1) // 8
        # Each patch costs its window, two addresses and two control bytes beside its data.
        overhead = 10 if self._device.rectangles else 7
        found = patches(self._shown, self._new, overhead, self._device.rectangles)
        now = [patch for patch in found if first <= patch.top and patch.bottom <= last]
        self._patches = now + [patch for patch in found if patch not in now]
        return sum(patch.size + overhead for patch in now) * self._wire.ns_per_byte // 2

    def send(self) -> None:
        if self._tells_status and not self._dark and (self._wire.status() or 0) & _STATUS_OFF:
            raise NoPanelError("it has lost its power for a moment")
        for patch in self._patches:
            self._device.patch(patch, self._new)
        self._patches = []
        self._shown = self._new

    def light(self, level: int) -> None:
        if level:
            self._device.contrast(level)
        if self._dark != (level == 0):
            self._dark = level == 0
            self._device.hide() if self._dark else self._device.show()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._device.hide()
        self._bus.close()


def controller_of(wire: Wire) -> str:
    """sh1106 or ssd1306, by what only the first can do on I2C: give display memory back.

    SSD1309 looks like an SSD1306 from here and is set up in the same way.
    """
    for probe in (b"\xa5\x3c\x96", b"\x5a\xc3\x69"):
        try:
            # Page 0, column 2: the first visible one of an SH1106.
            answer = wire.read_back((0xB0, 0x02, 0x10), probe)
        except OSError:
            return "ssd1306"
        if answer[1:] != probe:
            return "ssd1306"
    return "sh1106"


def find(dev: Path, controller: str, height: int, rotate: bool, open_bus: Callable[[Path], Bus] = KernelBus) -> Oled:
    """The first panel that answers; NoPanelError says what was looked at in vain."""
    looked, hangs = [], []
    for path in buses(dev):
        try:
            bus = open_bus(path)
        except OSError as error:
            looked.append(f"{path.name}: {error.strerror or error}")
            continue
        for address in ADDRESSES:
            wire = Wire(bus, address)
            try:
                wire.command(_NOP)
                kind = controller_of(wire) if controller == "auto" else controller
                return Oled(wire, bus, kind, height, rotate, path.name)
            except OSError as error:
                if error.errno == errno.ETIMEDOUT:  # each try takes the kernel a second: one is enough
                    hangs.append(path.name)
                    break
                continue
        else:
            looked.append(path.name)
        bus.close()
    if hangs:
        raise NoPanelError(f"no panel: {', '.join(hangs)} hangs; check SDA and SCL")
    if not looked:
        raise NoPanelError("no panel: there is no I2C bus; switch it on with dtparam=i2c_arm=on")
    raise NoPanelError(f"no panel: nothing answers at 0x3C or 0x3D on {', '.join(looked)}")
