# SPDX-License-Identifier: MIT
"""Writing the slot that is not running, and what follows from it.

Whatever happens while a slot is written, the running one is not touched and stays the one that starts: the power may
fail at any byte. Only a slot that was read back as the manifest says is tried, and only a try that proved itself
(`Slots.confirm`) is started for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from stratum1.update import UpdateError
from stratum1.update import bundle as bundles
from stratum1.update.bundle import Manifest, Part
from stratum1.update.progress import Progress
from stratum1.update.slots import BOOT, OTHER, ROOT, Slots

CHUNK = 1 << 20


Tell = Callable[[Progress], None]


def install(bundle: Path, slots: Slots, tell: Tell = lambda _: None) -> Manifest:
    """Write the bundle to the slot that is not running, and read it back; UpdateError when that slot is not good now.

    Nothing is started from it here; a restart that asks the firmware for a try does that.
    """
    tell(Progress("checking"))
    if slots.running != slots.default:
        raise UpdateError("this system is on trial itself; wait until it is confirmed, or restart to give it up")
    slot = OTHER[slots.running]
    with bundles.opened(bundle) as archive:
        manifest = bundles.read_manifest(archive, slots.key)
        if manifest.board != slots.board:
            raise UpdateError(f"{bundle.name}: made for {manifest.board}, this box is {slots.board}")
        targets = {"root": slots.device(ROOT[slot]), "boot": slots.device(BOOT[slot])}
        for part, device in targets.items():
            room = _room(device)
            if manifest.parts[part].size > room:
                raise UpdateError(f"{bundle.name}: {part} has {manifest.parts[part].size} bytes, its slot {room}")
        slots.note(slot, None)
        done = 0
        for part, device in targets.items():
            count = _counted(tell, manifest, done)
            done += 2 * manifest.parts[part].size
            _write(bundles.part_stream(archive, part), manifest.parts[part], device, ROOT[slot], part, count)
    slots.note(slot, manifest.version)
    return manifest


def rollback(slots: Slots) -> str:
    """The slot to be tried next when the owner wants the other system back; UpdateError when it holds none."""
    other = OTHER[slots.running]
    if not slots.standing().other_version:
        raise UpdateError(f"slot {other} holds no system that could be started")
    return other


def _counted(tell: Tell, manifest: Manifest, before: int) -> Callable[[str, int], None]:
    def count(step: str, done: int) -> None:
        tell(Progress(step, before + done, 2 * manifest.size, manifest.version))

    return count


def _write(
    stream: IO[bytes], part: Part, device: Path, root_number: int, name: str, count: Callable[[str, int], None]
) -> None:
    """Every byte of the part to the device; UpdateError when it is not what the manifest promised."""
    promised, written = hashlib.sha256(), hashlib.sha256()
    left = part.size
    try:
        with device.open("r+b", buffering=0) as target:
            while left:
                chunk = stream.read(min(CHUNK, left))
                if not chunk:
                    raise UpdateError(f"{name}: {left} bytes are missing")
                promised.update(chunk)
                own = _named(chunk, part.size - left, part.slot_digit, root_number)
                written.update(own)
                _write_all(target, own)
                left -= len(chunk)
                count("writing", part.size - left)
            if stream.read(1):
                raise UpdateError(f"{name}: longer than the manifest says")
            os.fsync(target.fileno())
            if promised.hexdigest() != part.sha256:
                raise UpdateError(f"{name}: damaged on the way; it is not what was signed")
            _read_back(target, part.size, written.digest(), device, count)
    except (OSError, EOFError) as error:
        # zlib's own errors are OSError or EOFError through gzip.
        raise UpdateError(f"{device.name}: {name} could not be written: {error}") from None


def _named(chunk: bytes, offset: int, digit: int | None, root_number: int) -> bytes:
    """The chunk with the root slot's digit in the kernel's command line set to the slot that is written."""
    if digit is None or not offset <= digit < offset + len(chunk):
        return chunk
    own = bytearray(chunk)
    if own[digit - offset] not in (ord("5"), ord("6")):
        raise UpdateError("boot: the manifest names a place for the slot where none is")
    own[digit - offset] = ord(str(root_number))
    return bytes(own)


def _write_all(target: IO[bytes], chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[target.write(view) :]


def _read_back(target: IO[bytes], size: int, wanted: bytes, device: Path, count: Callable[[str, int], None]) -> None:
    # What is read must come from the card and not from memory.
    with contextlib.suppress(OSError):
        os.posix_fadvise(target.fileno(), 0, size, os.POSIX_FADV_DONTNEED)
    target.seek(0)
    found = hashlib.sha256()
    left = size
    while left and (chunk := target.read(min(CHUNK, left))):
        found.update(chunk)
        left -= len(chunk)
        count("reading back", 2 * size - left)
    if found.digest() != wanted:
        raise UpdateError(f"{device.name}: what was read back is not what was written; the card may be worn out")


def _room(device: Path) -> int:
    try:
        with device.open("rb") as file:
            return file.seek(0, os.SEEK_END)
    except OSError as error:
        raise UpdateError(f"{device}: {error.strerror}") from None
