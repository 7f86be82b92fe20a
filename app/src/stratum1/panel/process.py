# SPDX-License-Identifier: MIT
"""Finds the real devices and hands them to the panel's loop."""

from __future__ import annotations

import signal
import sys
import time

from PIL import Image

from stratum1 import orders
from stratum1.heartbeat import Heartbeat
from stratum1.panel.buttons import find_pins
from stratum1.panel.draw import picture
from stratum1.panel.glass import Glass, Picture
from stratum1.panel.loop import Panel, Parts
from stratum1.panel.pages import Page
from stratum1.panel.signals import SIGNALS
from stratum1.panel.sources import Sources
from stratum1.panel.wall import wall
from stratum1.panel.world import World
from stratum1.paths import Paths
from stratum1.settings import Settings, SettingsError, load, save
from stratum1.timescale import NS_PER_S
from stratum1.tracking import TrackingReader
from stratum1.words import tongue


class ServedClock:
    """The time that the box serves, with the process's signals as the only thing that ends a sleep early."""

    def __init__(self, reader: TrackingReader) -> None:
        self._reader = reader

    def now(self) -> int:
        served = self._reader.now()
        return time.time_ns() if served is None else served[0]

    def monotonic(self) -> int:
        return time.monotonic_ns()

    def wait(self, ns: int) -> int | None:
        came = signal.sigtimedwait(SIGNALS, max(ns, 0) / NS_PER_S)
        return None if came is None else came.si_signo


def find_glass(paths: Paths, settings: Settings) -> Glass:
    """The panel that the settings ask for; OSError with one line when there is none."""
    wanted = settings.panel
    if wanted.device == "picture":
        return Picture(paths.panel_picture, wanted.height, wanted.rotate)
    if wanted.device == "none":
        raise OSError("no panel: panel.device is none in the settings")
    # Only here: a picture needs no driver.
    from stratum1.panel.oled import find

    return find(paths.dev, wanted.controller, wanted.height, wanted.rotate)


def find_screen(paths: Paths) -> Glass:
    """The first frame buffer; OSError with one line when there is none."""
    from stratum1.panel.framebuffer import FrameBuffer

    return FrameBuffer(paths.dev / "fb0", paths.sys / "class" / "graphics" / "fb0")


def draw_page(
    size: tuple[int, int], page: Page, world: World, settings: Settings, shift: tuple[int, int]
) -> Image.Image:
    return picture(size, page, shift)


def draw_wall(
    size: tuple[int, int], page: Page, world: World, settings: Settings, shift: tuple[int, int]
) -> Image.Image:
    return wall(size, world, settings.panel.zones)


def carry_out(paths: Paths, order: str, settings: Settings, glass: str) -> None:
    """What the buttons' menu ordered, on the glass of that name; OSError or SettingsError when it cannot be done."""
    if order == "cancel":
        return
    if order == "controller":
        other = "ssd1306" if glass.startswith("SH1106") else "sh1106"
        save(paths.settings, settings.changed("panel.controller", other))
    elif order == "reboot":
        orders.give(paths, order)
    elif order == "setup":
        orders.forget_password(paths)
    elif order == "factory-reset":
        orders.factory_reset(paths)


def run(paths: Paths, screen: bool = False) -> int:
    """The panel, or the wall clock on a `screen`, until SIGTERM or SIGINT; gives the exit status."""

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def load_settings() -> Settings:
        loaded = load(paths.settings)
        if loaded.problem:
            say(loaded.problem)
        return loaded.settings

    def give(order: str, settings: Settings, glass: str) -> None:
        try:
            carry_out(paths, order, settings, glass)
        except (OSError, SettingsError) as error:
            say(f"{order}: {error}")

    tongue.begin()
    reader = TrackingReader(paths.tracking)
    parts = Parts(
        clock=ServedClock(reader),
        source=Sources(paths, reader),
        find_glass=lambda settings: find_screen(paths) if screen else find_glass(paths, settings),
        draw=draw_wall if screen else draw_page,
        find_pins=lambda settings: None if screen else find_pins(paths.dev, settings),
        load_settings=load_settings,
        give=give,
        beat=Heartbeat().beat,
        say=say,
    )
    return Panel(parts).run()
