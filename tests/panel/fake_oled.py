# SPDX-License-Identifier: MIT
"""OLED controllers at the end of an I2C bus, as their data sheets describe them, with a clock for the bus."""

from __future__ import annotations

import errno

from PIL import Image

# Commands with arguments (SSD1306 data sheet, table 9-1; SH1106 data sheet, table 12).
_ARGUMENTS = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xAD: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1,
}  # fmt: skip
_SH1106_ARGUMENTS = {k: v for k, v in _ARGUMENTS.items() if k not in (0x20, 0x21, 0x22, 0x8D)}


class FakeBus:
    """Controllers by address; every transfer is written down and takes 9 clocks a byte."""

    def __init__(self, chips=None, hertz=400_000):
        self.chips = chips or {}
        self.hertz = hertz
        self.now_ns = 0
        self.log = []
        self.fault = None
        self.closed = False

    def transfer(self, address, data, read=0):
        if self.fault is not None:
            raise OSError(self.fault, "fault")
        self.now_ns += (len(data) + 1 + (read + 1 if read else 0)) * 9 * 1_000_000_000 // self.hertz
        if address not in self.chips:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        self.log.append((address, bytes(data)))
        chip = self.chips[address]
        chip.write(bytes(data))
        return chip.read(bytes(data), read) if read else b""

    def close(self):
        self.closed = True

    def sent(self):
        """The bytes on the bus since the last call, without addresses."""
        log, self.log = self.log, []
        return [data for _, data in log]


class Ssd1306:
    """128 columns, horizontal addressing inside a window; cannot give its memory back on I2C."""

    columns = 128
    arguments = _ARGUMENTS

    def __init__(self, height=64):
        self.height = height
        self.ram = [bytearray(b"\xff" * self.columns) for _ in range(8)]
        self.on = False
        self.contrast = 0x7F
        self.window = (0, self.columns - 1, 0, 7)
        self.column = self.page = 0

    def write(self, data):
        if data[0] == 0x40:
            for byte in data[1:]:
                self.store(byte)
            return
        assert data[0] == 0x00, "neither commands nor data"
        codes = list(data[1:])
        while codes:
            code = codes.pop(0)
            count = self.arguments.get(code, 0)
            arguments, codes = codes[:count], codes[count:]
            assert len(arguments) == count, f"command {code:02x} lacks arguments"
            self.command(code, arguments)

    def command(self, code, arguments):
        if code in (0xAE, 0xAF):
            self.on = code == 0xAF
        elif code == 0x81:
            self.contrast = arguments[0]
        elif code == 0x21:
            self.window = (*arguments, *self.window[2:])
            self.column = arguments[0]
        elif code == 0x22:
            self.window = (*self.window[:2], *arguments)
            self.page = arguments[0]

    def store(self, byte):
        left, right, top, bottom = self.window
        self.ram[self.page][self.column] = byte
        self.column += 1
        if self.column > right:
            self.column = left
            self.page = top if self.page == bottom else self.page + 1

    def read(self, written, count):
        return bytes([0x03 if self.on else 0x43]) * count

    def picture(self):
        """What a person sees."""
        image = Image.new("1", (128, self.height))
        left = (self.columns - 128) // 2
        for y in range(self.height):
            for x in range(128):
                image.putpixel((x, y), 255 if self.on and self.ram[y // 8][x + left] >> (y % 8) & 1 else 0)
        return image


class Sh1106(Ssd1306):
    """132 columns, one page at a time, no windows; memory can be read back after a dummy byte."""

    columns = 132
    arguments = _SH1106_ARGUMENTS

    def command(self, code, arguments):
        if 0xB0 <= code <= 0xB7:
            self.page = code & 7
        elif code < 0x10:
            self.column = self.column & 0xF0 | code
        elif code < 0x20:
            self.column = self.column & 0x0F | (code & 0x0F) << 4
        else:
            super().command(code, arguments)

    def store(self, byte):
        if self.column < self.columns:
            self.ram[self.page][self.column] = byte
            self.column += 1

    def read(self, written, count):
        if written != b"\x40":
            return bytes([0x08 if self.on else 0x48]) * count
        answer = bytearray([0x55])
        for _ in range(count - 1):
            answer.append(self.ram[self.page][self.column])
            self.column += 1
        return bytes(answer)
