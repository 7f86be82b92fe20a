# SPDX-License-Identifier: MIT
"""The picture on the controller's memory is the picture that was meant, with as few bytes as may be."""

from __future__ import annotations

import errno

import pytest
from fake_oled import FakeBus, Sh1106, Ssd1306
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from stratum1.panel.bus import buses
from stratum1.panel.oled import NoPanelError, find

ALL_ROWS = (0, 64)


@pytest.fixture
def dev(tmp_path):
    (tmp_path / "i2c-1").touch()
    return tmp_path


def panel(dev, bus, controller="auto", height=64, rotate=False):
    oled = find(dev, controller, height, rotate, lambda path: bus)
    bus.sent()
    return oled


def show(oled, image):
    lead = oled.prepare(image, ALL_ROWS)
    oled.send()
    return lead


def boxes(*corners, height=64):
    image = Image.new("1", (128, height))
    draw = ImageDraw.Draw(image)
    for x, y in corners:
        draw.rectangle((x, y, x + 7, y + 4), fill=255)
    return image


def same(one, other):
    return ImageChops.logical_xor(one, other).getbbox() is None


@pytest.mark.parametrize("address", [0x3C, 0x3D])
@pytest.mark.parametrize(("chip", "name"), [(Ssd1306, "SSD1306"), (Sh1106, "SH1106")])
def test_a_panel_is_found_and_told_apart_by_itself(dev, chip, name, address):
    oled = panel(dev, FakeBus({address: chip()}))
    assert oled.name == f"{name} 128x64 at 0x{address:02X} on i2c-1"


@pytest.mark.parametrize("chip", [Ssd1306, Sh1106])
@pytest.mark.parametrize("rotate", [False, True])
@pytest.mark.parametrize("height", [64, 32])
def test_what_is_shown_is_what_was_drawn(dev, chip, rotate, height):
    glass = chip(height)
    oled = panel(dev, FakeBus({0x3C: glass}), height=height, rotate=rotate)
    assert not glass.picture().getbbox(), "noise is left from before"
    for image in (boxes((3, 2), (100, 20), height=height), boxes((4, 2), (100, 27), height=height)):
        show(oled, image)
        assert same(glass.picture(), image.transpose(Image.Transpose.ROTATE_180) if rotate else image)


@pytest.mark.parametrize("chip", [Ssd1306, Sh1106])
@settings(max_examples=40, deadline=None)
@given(
    frames=st.lists(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 59)), max_size=6), min_size=1, max_size=4)
)
def test_any_row_of_pictures_arrives_whole(tmp_path_factory, chip, frames):
    dev = tmp_path_factory.mktemp("dev")
    (dev / "i2c-1").touch()
    glass = chip()
    oled = panel(dev, FakeBus({0x3C: glass}))
    for corners in frames:
        image = boxes(*corners)
        show(oled, image)
        assert same(glass.picture(), image)


def test_an_ssd1306_gets_a_window_and_only_what_changed(dev):
    bus = FakeBus({0x3C: Ssd1306()})
    oled = panel(dev, bus)
    show(oled, boxes((10, 6)))
    status, window, data = bus.sent()
    assert status == b"\x00"
    assert window == bytes((0x00, 0x21, 10, 17, 0x22, 0, 1))
    assert data == b"\x40" + b"\xc0" * 8 + b"\x07" * 8  # rows 6, 7 and 8, 9, 10: least bit on top


def test_an_sh1106_gets_pages_two_columns_to_the_right(dev):
    bus = FakeBus({0x3C: Sh1106()})
    oled = panel(dev, bus)
    show(oled, boxes((10, 6)))
    assert bus.sent()[1:] == [
        bytes((0x00, 0xB0, 0x0C, 0x10)),
        b"\x40" + b"\xc0" * 8,
        bytes((0x00, 0xB1, 0x0C, 0x10)),
        b"\x40" + b"\x07" * 8,
    ]


@pytest.mark.parametrize("chip", [Ssd1306, Sh1106])
def test_a_picture_that_stays_costs_nothing(dev, chip):
    bus = FakeBus({0x3C: chip()})
    oled = panel(dev, bus)
    show(oled, boxes((10, 6)))
    bus.sent()
    assert show(oled, boxes((10, 6))) == 0
    assert [data for data in bus.sent() if data != b"\x00"] == []


def test_the_urgent_rows_go_first(dev):
    bus = FakeBus({0x3C: Ssd1306()})
    oled = panel(dev, bus)
    oled.prepare(boxes((0, 0), (60, 24)), urgent=(16, 40))
    oled.send()
    windows = [data[4:] for data in bus.sent() if data[1:2] == b"\x21"]
    assert windows == [bytes((0x22, 3, 3)), bytes((0x22, 0, 0))]


def test_the_urgent_rows_go_first_upside_down_too(dev):
    bus = FakeBus({0x3C: Ssd1306()})
    oled = panel(dev, bus, rotate=True)
    oled.prepare(boxes((0, 0), (60, 16), (90, 56)), urgent=(16, 24))
    oled.send()
    assert [data[5] for data in bus.sent() if data[1:2] == b"\x21"] == [5, 0, 7]


def test_nothing_is_sent_once_it_is_closed(dev):
    bus = FakeBus({0x3C: Ssd1306()})
    oled = panel(dev, bus)
    oled.close()
    bus.sent()
    oled._device.cleanup()  # what luma does at the end of the process
    assert bus.sent() == []


@pytest.mark.parametrize("hertz", [100_000, 400_000])
def test_the_lead_is_half_of_the_time_that_the_bus_needs(dev, hertz):
    bus = FakeBus({0x3C: Ssd1306()}, hertz)
    oled = panel(dev, bus)
    oled._wire._clock = lambda: bus.now_ns
    for step in range(60):  # the pace of the bus is learned
        lead = oled.prepare(boxes((step, 16), (step, 26), (step + 60, 16)), ALL_ROWS)
        before = bus.now_ns
        oled.send()
    assert lead == pytest.approx((bus.now_ns - before) / 2, rel=0.25)


@pytest.mark.parametrize("code", [errno.EREMOTEIO, errno.ETIMEDOUT, errno.ENXIO])
def test_a_panel_that_is_pulled_off_is_an_error_and_comes_back_whole(dev, code):
    glass = Ssd1306()
    bus = FakeBus({0x3C: glass})
    oled = panel(dev, bus)
    show(oled, boxes((10, 6)))
    bus.fault = code
    oled.prepare(boxes((20, 6)), ALL_ROWS)
    with pytest.raises(OSError):
        oled.send()
    oled.close()
    assert bus.closed
    bus.fault = None
    bus.chips[0x3C] = glass = Ssd1306()  # another one, its memory full of noise
    show(panel(dev, bus), boxes((20, 6)))
    assert same(glass.picture(), boxes((20, 6)))


def test_a_controller_that_lost_its_power_is_noticed(dev):
    glass = Ssd1306()
    oled = panel(dev, FakeBus({0x3C: glass}))
    show(oled, boxes((10, 6)))
    glass.on = False
    oled.prepare(boxes((10, 6)), ALL_ROWS)
    with pytest.raises(NoPanelError, match="power"):
        oled.send()


def test_darkness_is_meant_and_ends(dev):
    glass = Ssd1306()
    oled = panel(dev, FakeBus({0x3C: glass}))
    show(oled, boxes((10, 6)))
    oled.light(0)
    show(oled, boxes((20, 6)))
    assert not glass.on
    oled.light(40)
    assert (glass.on, glass.contrast) == (True, 40)
    assert same(glass.picture(), boxes((20, 6)))


def test_nothing_there_is_said_with_what_was_looked_at(dev):
    bus = FakeBus()
    with pytest.raises(NoPanelError, match=r"0x3C or 0x3D on i2c-1$"):
        find(dev, "auto", 64, False, lambda path: bus)
    assert bus.closed


def test_a_bus_that_hangs_is_tried_once_and_named(dev):
    bus = FakeBus({0x3C: Ssd1306()})
    tried = []

    def hang(address, data, read=0):
        tried.append(address)
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    bus.transfer = hang
    with pytest.raises(NoPanelError, match="i2c-1 hangs; check SDA and SCL"):
        find(dev, "auto", 64, False, lambda path: bus)
    assert tried == [0x3C] and bus.closed


def test_no_bus_is_said_with_the_remedy(tmp_path):
    with pytest.raises(NoPanelError, match="dtparam=i2c_arm=on"):
        find(tmp_path, "auto", 64, False)


def test_a_bus_that_may_not_be_opened_is_named(dev):
    def closed(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(NoPanelError, match="i2c-1: Permission denied"):
        find(dev, "auto", 64, False, closed)


def test_the_pins_come_first_and_hdmi_is_left_alone(tmp_path):
    for number in (0, 1, 3, 10, 20, 21):
        (tmp_path / f"i2c-{number}").touch()
    assert [path.name for path in buses(tmp_path)] == ["i2c-1", "i2c-0", "i2c-3"]
