# SPDX-License-Identifier: MIT
"""What an update bundle is, and whether it is one of ours.

A bundle is a tar archive of, in this order:

    manifest.json   what it holds: version, board, size and sha256 of each part
    manifest.sig    Ed25519 signature (RFC 8032) of manifest.json
    boot.gz         the FAT file system of a boot slot, compressed with gzip
    root            the squashfs of a root slot

The signature covers the manifest, the manifest's hashes cover the parts. The public key is part of the running
system; `scripts/bundle.sh` makes bundles and keys.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from stratum1.update import UpdateError

FORMAT = 1
MANIFEST_LIMIT = 65536
SIGNATURE_BYTES = 64
PART_LIMIT = 1 << 30
PARTS = {"boot": "boot.gz", "root": "root"}
OPENSSL_S = 30.0


@dataclass(frozen=True, slots=True)
class Part:
    size: int
    """bytes, uncompressed"""
    sha256: str
    slot_digit: int | None = None
    """Offset of the byte that names the root slot ("5" or "6") in the kernel's command line; boot part only."""


@dataclass(frozen=True, slots=True)
class Manifest:
    version: str
    board: str
    """`rpi64` or `qemu`, as VARIANT_ID in /etc/os-release of the box."""
    made: int
    """seconds since the Unix epoch"""
    parts: dict[str, Part]

    @property
    def size(self) -> int:
        """All that will be written, bytes."""
        return sum(part.size for part in self.parts.values())


def check(bundle: Path, key: Path) -> Manifest:
    """What the bundle says of itself, signed by `key` (PEM, public); UpdateError when it is not to be trusted.

    The parts are not hashed here, only measured; `install` hashes every byte before anything is started from it.
    """
    with opened(bundle) as archive:
        manifest = read_manifest(archive, key)
        for name in PARTS.values():
            _member(archive, name, bundle.name)
        return manifest


@contextlib.contextmanager
def opened(bundle: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(bundle, "r:") as archive:
            yield archive
    except (OSError, EOFError) as error:
        raise UpdateError(f"{bundle.name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tarfile.TarError:
        raise UpdateError(f"{bundle.name}: no update bundle, or not all of it has arrived") from None


def read_manifest(archive: tarfile.TarFile, key: Path) -> Manifest:
    name = Path(str(archive.name)).name
    text = _small(archive, "manifest.json", MANIFEST_LIMIT, name)
    signature = _small(archive, "manifest.sig", SIGNATURE_BYTES, name)
    verify(text, signature, key, name)
    return parse(text, name)


def parse(text: bytes, name: str) -> Manifest:
    """A manifest whose signature is good; one of a later format is still possible."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise UpdateError(f"{name}: format {content['format']}, this box knows {FORMAT}; take a release in between")
        return Manifest(
            version=_word(content["version"]),
            board=_word(content["board"]),
            made=int(content["made"]),
            parts={part: _part(content["parts"][part]) for part in PARTS},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UpdateError(f"{name}: the manifest makes no sense: {error!r}") from None


def _part(content: dict[str, Any]) -> Part:
    size, digest, digit = content["size"], content["sha256"], content.get("slot_digit")
    if not (isinstance(size, int) and 0 < size <= PART_LIMIT and re.fullmatch(r"[0-9a-f]{64}", digest)):
        raise ValueError("size or sha256")
    if digit is not None and not (isinstance(digit, int) and 0 < digit < size):
        raise ValueError("slot_digit")
    return Part(size, digest, digit)


def _word(text: object) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[\w.+~-]{1,64}", text):
        raise ValueError(f"{text!r:.80}")
    return text


def verify(text: bytes, signature: bytes, key: Path, name: str) -> None:
    """UpdateError unless `signature` is that of `text` by `key`."""
    openssl = shutil.which("openssl", path="/usr/bin:/usr/local/bin:/bin")
    if openssl is None:
        raise UpdateError("the program openssl is not there; without it no signature can be checked")
    if not key.exists():
        raise UpdateError(f"{key}: this system was built without a key for updates, so none can be trusted")
    # openssl wants files, and these bytes are the ones that are parsed: nobody can exchange them in between.
    with tempfile.TemporaryDirectory(prefix="stratum1-update.") as folder:
        said, seal = Path(folder, "manifest.json"), Path(folder, "manifest.sig")
        said.write_bytes(text)
        seal.write_bytes(signature)
        argv = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin"]
        argv += ["-in", str(said), "-sigfile", str(seal)]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=OPENSSL_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateError(f"openssl could not be run: {error}") from None
    if done.returncode != 0:
        raise UpdateError(f"{name}: the signature is not that of this box's maker")


def part_stream(archive: tarfile.TarFile, part: str) -> IO[bytes]:
    """The part's own bytes, uncompressed."""
    stream = _member(archive, PARTS[part], Path(str(archive.name)).name)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if PARTS[part].endswith(".gz") else stream


def _member(archive: tarfile.TarFile, member: str, name: str) -> IO[bytes]:
    try:
        stream = archive.extractfile(member)
    except KeyError:
        stream = None
    if stream is None:
        raise UpdateError(f"{name}: {member} is not in it")
    return stream


def _small(archive: tarfile.TarFile, member: str, limit: int, name: str) -> bytes:
    content = _member(archive, member, name).read(limit + 1)
    if len(content) > limit:
        raise UpdateError(f"{name}: {member} is too long")
    return content
