# SPDX-License-Identifier: MIT
"""A panel's picture as a PNG file that looks like the glass (W3C PNG, 11.2).

Pillow's own writer would cost 2 MB of memory in a process that writes one small file a second.
"""

from __future__ import annotations

import functools
import struct
import zlib

from PIL import Image, ImageChops

SCALE = 4
"""A point of the panel becomes SCALE x SCALE; its last row and column are dimmer, so that points show."""
_COLOURS = bytes((7, 10, 14, 96, 138, 164, 158, 220, 255))
_GAP = 128
_INDEX = [0] * 256
_INDEX[_GAP], _INDEX[255] = 1, 2


def glowing(image: Image.Image) -> bytes:
    """`image` (mode "1") magnified, with a rim, as a PNG file of three colours."""
    size = (image.width * SCALE, image.height * SCALE)
    large = image.resize(size, Image.Resampling.NEAREST).convert("L")
    rim = 2 * SCALE
    framed = Image.new("L", (size[0] + 2 * rim, size[1] + 2 * rim))
    framed.paste(ImageChops.darker(large, _grid(size)).point(_INDEX), (rim, rim))
    raw = framed.tobytes()
    width, height = framed.size
    rows = b"".join(b"\0" + raw[y * width : (y + 1) * width] for y in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", _COLOURS)
        + _chunk(b"IDAT", zlib.compress(rows, 3))
        + _chunk(b"IEND", b"")
    )


@functools.lru_cache(maxsize=2)
def _grid(size: tuple[int, int]) -> Image.Image:
    row = bytes(255 if (x + 1) % SCALE else _GAP for x in range(size[0]))
    cells = b"".join(row if (y + 1) % SCALE else bytes((_GAP,)) * size[0] for y in range(size[1]))
    return Image.frombytes("L", size, cells)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
