# SPDX-License-Identifier: MIT
"""One file that brings the box back: settings, password, keys, tokens and certificate, encrypted with a passphrase.

    stratum1-backup {"version": 1, "kdf": "argon2id", "salt": hex, "time": n, "memory_kib": n, "nonce": hex}\\n
    AES-256-GCM of the JSON {"made": text, "files": {name: base64}}, with its tag; it vouches for the line above too

The key is argon2id (RFC 9106) of the passphrase.  Names stand for files, never for paths.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratum1 import safefile
from stratum1.ntp import keyfile
from stratum1.paths import Paths
from stratum1.sealing import KEY_SIZE, NONCE_SIZE, SealError, seal, unseal
from stratum1.settings import Settings, SettingsError, parse
from stratum1.settings.store import text
from stratum1.web import certificate, tokens
from stratum1.web.certificate import CertificateError

MAGIC = b"stratum1-backup "
VERSION = 1
SHORTEST = 10
LONGEST = 1024
TIME_COST = 4
MEMORY_KIB = 19_456
MOST_TIME, MOST_MEMORY_KIB = 16, 65_536
"""What a file may ask this box to spend on its passphrase."""
LARGEST = 262_144


class BackupError(Exception):
    """One line: what is wrong."""


@dataclass(frozen=True, slots=True)
class Backup:
    made: str
    """When, by the time that the box served; free text."""
    settings: Settings
    files: dict[str, bytes]
    """What else there is, by the names of `places`."""


def places(paths: Paths) -> dict[str, Path]:
    """Where each file of a back-up belongs; the settings are not among them."""
    return {
        "ntp.keys": paths.ntp_keys,
        "web-password": paths.web_password,
        "api-tokens.json": paths.api_tokens,
        "tls.pem": paths.tls_certificate,
    }


def _key(passphrase: str, salt: bytes, time: int, memory_kib: int) -> bytes:
    from argon2.low_level import Type, hash_secret_raw

    return hash_secret_raw(passphrase.encode("utf-8"), salt, time, memory_kib, 1, KEY_SIZE, Type.ID)


def make(paths: Paths, settings: Settings, passphrase: str, made: str) -> bytes:
    """OSError when something that is there cannot be read."""
    files = {"stratum1.toml": text(settings).encode("utf-8")}
    for name, path in places(paths).items():
        if path.exists():
            files[name] = path.read_bytes()
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(NONCE_SIZE)
    head = {
        "version": VERSION,
        "kdf": "argon2id",
        "salt": salt.hex(),
        "time": TIME_COST,
        "memory_kib": MEMORY_KIB,
        "nonce": nonce.hex(),
    }
    line = MAGIC + json.dumps(head).encode("ascii") + b"\n"
    content = {"made": made, "files": {name: base64.b64encode(each).decode("ascii") for name, each in files.items()}}
    return line + seal(_key(passphrase, salt, TIME_COST, MEMORY_KIB), nonce, json.dumps(content).encode("ascii"), line)


def _head(line: bytes) -> tuple[bytes, bytes, int, int]:
    """Salt, nonce, time and memory."""
    try:
        head: dict[str, Any] = json.loads(line[len(MAGIC) :])
        if head["version"] != VERSION or head["kdf"] != "argon2id":
            raise BackupError("a back-up of a newer version: update this box first")
        salt, nonce = bytes.fromhex(head["salt"]), bytes.fromhex(head["nonce"])
        time, memory_kib = int(head["time"]), int(head["memory_kib"])
        sound = len(salt) == 16 and len(nonce) == NONCE_SIZE
        if not sound or not 1 <= time <= MOST_TIME or not 8 <= memory_kib <= MOST_MEMORY_KIB:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BackupError("the beginning of the file is damaged") from None
    return salt, nonce, time, memory_kib


def read(data: bytes, passphrase: str, settings: Settings) -> Backup:
    """What is in a back-up, every part of it checked; BackupError when anything is wrong with it.

    The settings' own file, in the form that the setup partition takes too, is a back-up without secrets: those of
    `settings` stay.
    """
    if not data.startswith(MAGIC):
        return Backup("", _settings(data, settings), {})
    line, newline, sealed = data.partition(b"\n")
    if not newline:
        raise BackupError("the file is torn: only its beginning is there")
    salt, nonce, time, memory_kib = _head(line)
    try:
        plain = unseal(_key(passphrase[:LONGEST], salt, time, memory_kib), nonce, sealed, line + newline)
    except SealError:
        raise BackupError("wrong passphrase, or the file is torn or damaged") from None
    try:
        content = json.loads(plain)
        files = {str(name): base64.b64decode(each, validate=True) for name, each in content["files"].items()}
        made = str(content["made"])
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        raise BackupError("the file is whole, but not understood") from None
    return Backup(made, _settings(files.pop("stratum1.toml", b""), None), _checked(files))


def _settings(data: bytes, secrets_of: Settings | None) -> Settings:
    if not data.strip():
        # An empty file would be good settings: all of them back to the defaults.
        raise BackupError("choose a file that is not empty")
    try:
        found = parse(data, "the file")
    except SettingsError as error:
        raise BackupError(str(error)) from None
    return found if secrets_of is None else found.with_secrets_of(secrets_of)


def _checked(files: dict[str, bytes]) -> dict[str, bytes]:
    """A back-up that its owner's passphrase opens may still be of another version, or made by hand."""
    for name, content in files.items():
        try:
            if name == "ntp.keys":
                keyfile.parse(content.decode("utf-8"), name, md5=True)
            elif name == "tls.pem":
                certificate.usable(content)
            elif name == "api-tokens.json":
                tokens.parse(content)
            elif name == "web-password":
                if not content.startswith(b"$argon2id$"):
                    raise ValueError("not a password's hash")
            else:
                raise BackupError(f"{name}: unknown; was it made by a newer version?")
        except (ValueError, keyfile.KeyFileError, CertificateError) as error:
            raise BackupError(f"{name}: {error}") from None
    return files


def put_back(paths: Paths, backup: Backup) -> None:
    """Everything but the settings, which are stored as if they had been typed; OSError when it cannot be written.

    What the back-up does not hold is left as it is: a box keeps its certificate.
    """
    for name, path in places(paths).items():
        if name in backup.files:
            safefile.replace(path, backup.files[name])
