# SPDX-License-Identifier: MIT
"""The change of the second is on the glass within 20 ms of the second, the bus's own time included."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest
from fake_oled import FakeBus, Sh1106, Ssd1306

from stratum1.panel.draw import urgent_rows
from stratum1.panel.light import shift
from stratum1.panel.loop import Panel, Parts
from stratum1.panel.oled import find
from stratum1.panel.process import draw_page
from stratum1.panel.world import World
from stratum1.settings import Settings
from stratum1.timescale import NS_PER_MS, NS_PER_S, parse_iso_utc
from stratum1.words import describe
from stratum1.words.samples import LOCKED

DRAWING_NS = 20 * NS_PER_MS


class BusClock:
    """Time is what the bus has used up and what was slept."""

    def __init__(self, bus, start, end):
        self.bus, self.end = bus, end
        bus.now_ns = start

    def now(self):
        return self.bus.now_ns

    monotonic = now

    def wait(self, ns):
        self.bus.now_ns += max(ns, 0)
        return signal.SIGTERM if self.bus.now_ns >= self.end else None


class Source:
    def __init__(self, bus):
        self.bus = bus

    def world(self, target, settings, height=64, glass=""):
        self.bus.now_ns += DRAWING_NS
        status = describe(replace(LOCKED, kernel_ns=target, reference_ns=target), (target, 1210, True))
        return World(status=status, second=target // NS_PER_S, height=height, addresses=("192.168.1.57",))


def changes(monkeypatch, tmp_path, chip, hertz, first, seconds):
    """For each second the instants at which bytes of the time's rows arrived, relative to it (ms)."""
    (tmp_path / "i2c-1").touch()
    bus = FakeBus({0x3C: chip}, hertz)
    start = parse_iso_utc(first) - 30 * NS_PER_S
    clock = BusClock(bus, start, start + (30 + seconds) * NS_PER_S)
    monkeypatch.setattr("stratum1.panel.bus.Wire.__init__.__defaults__", (clock.now,))
    arrived = {}
    rows = range(urgent_rows((128, chip.height))[0] // 8, (urgent_rows((128, chip.height))[1] - 1) // 8 + 1)
    write = chip.write

    def watched(data):
        page = chip.page
        write(data)
        if data[0] == 0x40 and page in rows and bus.now_ns > start + 25 * NS_PER_S:
            second = (bus.now_ns + NS_PER_S // 2) // NS_PER_S * NS_PER_S
            arrived.setdefault(second, []).append((bus.now_ns - second) / NS_PER_MS)

    chip.write = watched
    parts = Parts(
        clock=clock,
        source=Source(bus),
        find_glass=lambda settings: find(tmp_path, "auto", chip.height, False, lambda path: bus),
        draw=draw_page,
        find_pins=lambda settings: None,
        load_settings=Settings,
        give=lambda *order: None,
        beat=lambda: None,
        say=lambda text: None,
    )
    assert Panel(parts).run() == 0
    assert len(arrived) >= seconds - 1
    return arrived


@pytest.mark.parametrize("height", [64, 32])
@pytest.mark.parametrize("kind", [Ssd1306, Sh1106])
@pytest.mark.parametrize("hertz", [400_000, 100_000])
@pytest.mark.parametrize("first", ["12:32:05", "09:59:50", "19:59:50", "23:59:50"])
def test_the_second_changes_on_the_second_on_every_bus_and_with_all_digits(
    monkeypatch, tmp_path, kind, first, hertz, height
):
    arrived = changes(monkeypatch, tmp_path, kind(height), hertz, f"2026-11-22T{first}Z", 30)
    late = {second: times for second, times in arrived.items() if max(map(abs, times)) > 20}
    assert not late


def test_the_picture_never_walks_where_a_minute_begins():
    walks = [second for second in range(1, 86_400) if shift(second) != shift(second - 1)]
    assert len(walks) > 300
    assert all(10 <= second % 60 <= 50 for second in walks)
