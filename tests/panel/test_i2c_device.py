# SPDX-License-Identifier: MIT
"""The panel through smbus2 down to the ioctl that the kernel gets (linux/i2c-dev.h), answered by a controller."""

from __future__ import annotations

import ctypes
import errno

import pytest
import smbus2.smbus2
from fake_oled import Sh1106, Ssd1306
from PIL import Image, ImageChops

from stratum1.panel.bus import KernelBus
from stratum1.panel.oled import NoPanelError, find

I2C_FUNCS = 0x0705
I2C_RDWR = 0x0707
I2C_M_RD = 0x0001


class Kernel:
    """ioctl(2) of an I2C bus with one chip on it."""

    def __init__(self, chip, address=0x3C):
        self.chip, self.address = chip, address
        self.transactions = 0

    def ioctl(self, fd, request, argument):
        if request == I2C_FUNCS:
            argument.value = 0x0EFF0001  # what i2c-bcm2835 offers: plain I2C and emulated SMBus
            return 0
        assert request == I2C_RDWR
        self.transactions += 1
        written = b""
        for index in range(argument.nmsgs):
            message = argument.msgs[index]
            if message.addr != self.address:
                raise OSError(errno.EREMOTEIO, "Remote I/O error")
            if message.flags & I2C_M_RD:
                answer = self.chip.read(written, message.len)
                ctypes.memmove(message.buf, answer, message.len)
            else:
                written = ctypes.string_at(message.buf, message.len)
                self.chip.write(written)
        return 0


@pytest.fixture
def dev(tmp_path):
    (tmp_path / "i2c-1").touch()
    return tmp_path


@pytest.mark.parametrize(("chip", "name"), [(Ssd1306, "SSD1306"), (Sh1106, "SH1106")])
def test_a_picture_goes_through_the_kernels_door(monkeypatch, dev, chip, name):
    kernel = Kernel(chip(), 0x3D)
    monkeypatch.setattr(smbus2.smbus2, "ioctl", kernel.ioctl)
    oled = find(dev, "auto", 64, False)
    assert oled.name == f"{name} 128x64 at 0x3D on i2c-1"
    image = Image.new("1", (128, 64))
    image.paste(255, (30, 20, 50, 40))
    oled.prepare(image, (14, 42))
    oled.send()
    assert ImageChops.logical_xor(kernel.chip.picture(), image).getbbox() is None
    oled.close()
    assert not kernel.chip.on


def test_a_bus_with_nothing_on_it(monkeypatch, dev):
    monkeypatch.setattr(smbus2.smbus2, "ioctl", Kernel(Ssd1306(), 0x42).ioctl)
    with pytest.raises(NoPanelError, match="nothing answers"):
        find(dev, "auto", 64, False)


def test_what_is_no_bus_is_said(dev):
    with pytest.raises(NoPanelError, match="i2c-1: Inappropriate ioctl"):
        find(dev, "auto", 64, False)


def test_a_write_and_its_answer_are_one_transaction(monkeypatch, dev):
    kernel = Kernel(Ssd1306())
    monkeypatch.setattr(smbus2.smbus2, "ioctl", kernel.ioctl)
    bus = KernelBus(dev / "i2c-1")
    assert bus.transfer(0x3C, b"\x00", 1) == b"\x43"
    assert kernel.transactions == 1
    bus.close()
