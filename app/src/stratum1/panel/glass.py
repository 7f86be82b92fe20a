# SPDX-License-Identifier: MIT
"""Where pages become visible: the one thing that an OLED and a picture file have in common."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from luma.core.device import dummy
from PIL import Image

from stratum1.panel.png import glowing


class Glass(Protocol):
    """A panel of `size` points.  Everything that fails raises OSError: the panel is then gone."""

    name: str
    size: tuple[int, int]

    def prepare(self, image: Image.Image, urgent: tuple[int, int]) -> int:
        """Make ready what turns the panel into `image` (mode "1"); nothing becomes visible yet.

        The rows `urgent` (first, behind the last) are sent first.  Gives how long before its instant send() is
        to be called (ns), so that the middle of their change falls on it.
        """

    def send(self) -> None:
        """Make the prepared picture visible."""

    def light(self, level: int) -> None:
        """Brightness from 1 to 255; 0 is dark."""

    def close(self) -> None:
        """Leave the panel dark; never raises."""


class Picture:
    """luma's device without a display as a PNG file, replaced as a whole, for machines without an OLED."""

    def __init__(self, path: Path, height: int = 64, rotate: bool = False) -> None:
        self.name = f"picture {path}"
        self.size = (128, height)
        self._path = path
        self._device = dummy(width=128, height=height, rotate=2 if rotate else 0, mode="1")
        self._data = b""
        self._shown = b""
        self._dark = False

    def prepare(self, image: Image.Image, urgent: tuple[int, int]) -> int:
        self._device.display(Image.new("1", self.size) if self._dark else image)
        self._data = glowing(self._device.image)
        return 0

    def send(self) -> None:
        if self._data == self._shown and self._path.exists():
            return
        # No fsync: the run folder is memory, and a picture of the past is worth nothing after a power cut.
        new = self._path.with_name(f"{self._path.name}.new.{os.getpid()}")
        new.write_bytes(self._data)
        os.replace(new, self._path)
        self._shown = self._data

    def light(self, level: int) -> None:
        self._dark = level == 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)  # a clock that stands still would be taken for the time
