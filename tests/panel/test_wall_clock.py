# SPDX-License-Identifier: MIT
"""The studio clock fills any screen, sends little, and says what the panel says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from test_panel_pages import any_world

from stratum1.panel.framebuffer import FrameBuffer
from stratum1.panel.gallery import walls
from stratum1.panel.samples import worlds
from stratum1.panel.wall import AMBER, GREEN, PALETTE, RED, wall
from stratum1.settings import Settings, SettingsError

GOLDEN = Path(__file__).parent / "golden_wall"
WALLS = dict(walls())
WORLDS = dict(worlds(64))


@pytest.mark.parametrize("name", WALLS)
def test_it_looks_as_it_did(name):
    path = GOLDEN / f"{name}.png"
    if os.environ.get("STRATUM1_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        WALLS[name].save(path, optimize=True)
    with Image.open(path) as golden:
        difference = ImageChops.difference(golden.convert("RGB"), WALLS[name].convert("RGB"))
    assert difference.getbbox() is None, f"{name} differs inside {difference.getbbox()}"


def test_no_golden_frame_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(WALLS)


@pytest.mark.parametrize(("state", "colour"), [("locked", GREEN), ("holdover", AMBER), ("unsynchronised", RED)])
def test_the_state_is_told_by_its_colour(state, colour):
    used = wall((640, 360), WORLDS[state]).getcolors()
    others = {GREEN, AMBER, RED} - {colour}
    found = {value for _, value in used}
    assert colour in found and not found & others


def test_the_ring_fills_with_the_seconds():
    def lit(second):
        status = replace(WORLDS["locked"].status, time=f"14:05:{second:02d}")
        image = wall((640, 360), replace(WORLDS["locked"], status=status)).crop((0, 0, 360, 360))
        return sum(count for count, value in image.getcolors() if value == GREEN)

    amounts = [lit(second) for second in range(60)]
    assert amounts == sorted(amounts) and amounts[59] > 30 * amounts[0]


@settings(max_examples=60, deadline=None)
@given(
    any_world,
    st.sampled_from([(64, 48), (128, 64), (320, 240), (480, 800), (800, 480), (1024, 768), (300, 1000)]),
    st.sampled_from([(), ("UTC", "Asia/Tokyo"), tuple(["America/Argentina/Buenos_Aires"] * 12)]),
)
def test_no_world_and_no_screen_raises(world, size, zones):
    image = wall(size, world, zones)
    assert image.size == size
    assert max(value for _, value in image.getcolors()) < len(PALETTE) // 3


class Screen:
    """A frame buffer that is two folders."""

    def __init__(self, folder, size=(320, 200), bits=32, pad=64):
        self.folder, self.size, self.bits = folder, size, bits
        self.stride = size[0] * bits // 8 + pad
        for name, text in (
            ("virtual_size", f"{size[0]},{size[1]}"),
            ("bits_per_pixel", str(bits)),
            ("stride", str(self.stride)),
        ):
            (folder / name).write_text(text + "\n")
        self.device = folder / "fb0"
        self.device.write_bytes(b"\x55" * self.stride * size[1])

    def open(self):
        return FrameBuffer(self.device, self.folder)

    def picture(self):
        raw = self.device.read_bytes()
        used = self.size[0] * self.bits // 8
        rows = b"".join(raw[y * self.stride : y * self.stride + used] for y in range(self.size[1]))
        mode = {16: "BGR;16", 24: "BGR", 32: "BGRX"}[self.bits]
        return Image.frombytes("RGB", self.size, rows, "raw", mode)


def shown(image):
    image = image.copy()
    image.putpalette(PALETTE)
    return image.convert("RGB")


def near(one, other, tolerance):
    return max(high for _, high in ImageChops.difference(one, other).getextrema()) <= tolerance


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_the_screen_shows_what_was_drawn(tmp_path, bits):
    screen = Screen(tmp_path, bits=bits)
    glass = screen.open()
    for state in ("locked", "holdover", "no-timekeeper"):
        image = wall(screen.size, WORLDS[state])
        glass.prepare(image, (0, 0))
        glass.send()
        assert near(screen.picture(), shown(image), 8 if bits == 16 else 0)
    glass.close()
    assert not screen.picture().getbbox(), "a clock that stands still is left on the screen"
    assert screen.device.stat().st_size == screen.stride * screen.size[1]


def test_only_what_changed_is_sent(tmp_path):
    screen = Screen(tmp_path, size=(1280, 720))
    glass = screen.open()
    world = WORLDS["locked"]
    glass.prepare(wall(screen.size, world), (0, 0))
    glass.send()
    glass.prepare(wall(screen.size, world), (0, 0))
    assert glass._rows == []
    later = replace(world, status=replace(world.status, time="14:05:39"))
    glass.prepare(wall(screen.size, later), (0, 0))
    assert 0 < sum(len(row) for _, row in glass._rows) < 1280 * 720 * 4 // 20


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("virtual_size", "zero", "does not describe one"),
        ("virtual_size", "32,16", "32x16 with 32 bits is not supported"),
        ("bits_per_pixel", "8", "with 8 bits is not supported"),
    ],
)
def test_a_strange_screen_is_refused_in_one_line(tmp_path, name, text, said):
    screen = Screen(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(OSError, match=said):
        screen.open()


def test_no_screen_is_said_with_what_to_do(tmp_path):
    with pytest.raises(OSError, match="there is no fb0; plug it in before power-on"):
        FrameBuffer(tmp_path / "fb0", tmp_path)


def test_a_zone_that_is_unknown_is_refused():
    with pytest.raises(SettingsError, match=r"panel\.zones"):
        Settings().changed("panel.zones", ["UTC", "Mars/Olympus"])


def test_the_process_draws_and_ends_with_a_dark_screen(tmp_path):
    graphics = tmp_path / "sys" / "class" / "graphics" / "fb0"
    graphics.mkdir(parents=True)
    screen = Screen(graphics)
    (tmp_path / "dev").mkdir()
    screen.device = screen.device.rename(tmp_path / "dev" / "fb0")
    environ = {f"STRATUM1_{name}": str(tmp_path) for name in ("ROOT", "RUN", "DATA")}
    with subprocess.Popen(
        [sys.executable, "-m", "stratum1.panel.screen"],
        env={**os.environ, **environ},
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        deadline = time.monotonic() + 15
        while not near(screen.picture().crop((0, 0, 8, 8)), Image.new("RGB", (8, 8)), 0):
            assert time.monotonic() < deadline, "nothing is drawn"
            time.sleep(0.05)
        assert screen.picture().getbbox()
        child.send_signal(signal.SIGTERM)
        assert child.wait(3) == 0
        assert child.stderr.read() == "panel found: fb0 320x200, 32 bits\n"
    assert not screen.picture().getbbox()
