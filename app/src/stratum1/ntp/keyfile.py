# SPDX-License-Identifier: MIT
"""The file of symmetric keys, in the form that ntpd and chrony use: `number type key`, # starts a comment.

A key is text; or hexadecimal after HEX: (chrony) or when it has more than 20 characters and all are hexadecimal digits
(ntpd); ASCII: in front says that it is text whatever it looks like.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from stratum1 import safefile


class KeyFileError(Exception):
    """One line: file, line number, what is wrong and what is wanted."""


@dataclass(frozen=True, slots=True)
class Kind:
    algorithm: str
    """libcrypto's name; the two CMACs come first."""
    digest_size: int
    secret_size: int = 0
    """What the secret must be long, bytes; 0 = any length up to 64."""


KINDS = {
    "AES128": Kind("AES-128-CBC", 16, 16),
    "AES256": Kind("AES-256-CBC", 16, 32),
    "SHA1": Kind("SHA1", 20),
    "SHA256": Kind("SHA256", 32),
    "SHA384": Kind("SHA384", 48),
    "SHA512": Kind("SHA512", 64),
    "MD5": Kind("MD5", 16),
}

_NAMES = {
    "AES": "AES128",
    "AES128CMAC": "AES128",
    "AES256CMAC": "AES256",
    "CMAC": "AES128",
    "SHA": "SHA1",
    "M": "MD5",
}


@dataclass(frozen=True, slots=True)
class Key:
    id: int
    kind: str
    secret: bytes = field(repr=False)


def _secret(text: str) -> bytes:
    if text.startswith("HEX:"):
        return bytes.fromhex(text[4:])
    if text.startswith("ASCII:"):
        return text[6:].encode("utf-8")
    if len(text) > 20 and re.fullmatch(r"[0-9A-Fa-f]+", text):
        return bytes.fromhex(text)
    return text.encode("utf-8")


def parse(text: str, name: str, *, md5: bool = False) -> list[Key]:
    """The keys in `text`; `name` is the file's, for errors.  MD5 keys are an error unless they are switched on."""
    keys: dict[int, Key] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"{name}, line {number}"
        if len(words) != 3:
            raise KeyFileError(f"{where}: {len(words)} words, want three: number, type, key")
        if not (words[0].isascii() and words[0].isdigit() and 1 <= int(words[0]) <= 2**32 - 1):
            raise KeyFileError(f"{where}: {words[0]!r} is no key number, want 1 to 4294967295")
        identity = int(words[0])
        plain = words[1].upper().replace("-", "").replace("_", "")
        kind = _NAMES.get(plain, plain)
        if kind not in KINDS:
            raise KeyFileError(f"{where}: type {words[1]!r} is unknown, want one of {', '.join(KINDS)}")
        if kind == "MD5" and not md5:
            raise KeyFileError(f"{where}: MD5 is switched off; use AES128 or SHA1, or set ntp.md5 for old clients")
        try:
            secret = _secret(words[2])
        except ValueError:
            raise KeyFileError(f"{where}: the key is not hexadecimal as it says") from None
        wanted = KINDS[kind].secret_size
        if wanted and len(secret) != wanted:
            raise KeyFileError(f"{where}: {len(secret)} bytes of key, {kind} wants {wanted} ({wanted * 2} hex digits)")
        if not 1 <= len(secret) <= 64:
            raise KeyFileError(f"{where}: {len(secret)} bytes of key, want 1 to 64")
        if identity in keys:
            raise KeyFileError(f"{where}: key {identity} is there twice")
        keys[identity] = Key(identity, kind, secret)
    return list(keys.values())


def read(path: Path, *, md5: bool = False) -> list[Key]:
    """The keys in the file at `path`; none when there is no such file."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path), md5=md5)
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise KeyFileError(f"{path}: not a text file") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None


def add_key(path: Path, kind: str = "AES128") -> str:
    """Make a new random key, append it to the file (0600), and give its line: the one time that it is shown."""
    used = {key.id for key in read(path, md5=True)}
    identity = next(number for number in range(1, 65536) if number not in used)
    secret = os.urandom(KINDS[kind].secret_size or 20)
    line = f"{identity} {kind} HEX:{secret.hex().upper()}"
    before = path.read_bytes() if path.exists() else b"# number type key\n"
    if before and not before.endswith(b"\n"):
        before += b"\n"
    safefile.replace(path, before + line.encode("ascii") + b"\n")
    return line


def remove_key(path: Path, identity: int) -> bool:
    """Take the key out of the file; everything else in it, comments too, stays.  Whether there was such a key."""
    if not any(key.id == identity for key in read(path, md5=True)):
        return False
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    safefile.replace(path, "".join(line for line in lines if _identity(line) != identity).encode("utf-8"))
    return True


def _identity(line: str) -> int | None:
    words = line.partition("#")[0].split()
    return int(words[0]) if words else None
