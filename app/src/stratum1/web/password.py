# SPDX-License-Identifier: MIT
"""The one password of the box, kept as an argon2id hash, and the key that signs sessions."""

from __future__ import annotations

import hashlib
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from stratum1 import safefile
from stratum1.words.tongue import _

SHORTEST = 10
LONGEST = 256

# OWASP's choice for argon2id with the least memory: a Pi with 512 MB has other things to do.
TIME_COST = 2
MEMORY_KIB = 19_456

_COMMON = ("password", "passw0rd", "1234567890", "qwertyuiop", "letmein", "raspberry", "administrator", "stratum1")


def weakness(password: str, name: str) -> str | None:
    """One line on why `password` would not do on the box called `name`; None when it will."""
    if len(password) < SHORTEST:
        return _("too short, want at least {least} characters; three words with spaces are easy to remember").format(
            least=SHORTEST
        )
    if len(password) > LONGEST:
        return _("too long, want at most {most} characters").format(most=LONGEST)
    if len(set(password.lower())) < 5:
        return _("the same few characters over and over, want at least 5 different ones")
    # What is left when the words that everybody tries are taken out must carry the password alone.
    rest = password.lower()
    for word in (*_COMMON, name.lower()):
        rest = rest.replace(word, "")
    if len(rest) < SHORTEST - 4:
        return _("too easy to guess: it is little more than a common word, a row of keys or the name of the box")
    return None


class Passwords:
    def __init__(self, path: Path) -> None:
        self._path = path
        # One hash at a time: it takes 19 MB and a core.
        self._one_at_a_time = threading.Lock()

    @property
    def chosen(self) -> bool:
        """A file that is damaged counts: who cannot read it must not be let in by it."""
        return self._path.exists()

    @property
    def mark(self) -> str:
        """Changes with the password; a session that carries another one is over."""
        try:
            return hashlib.sha256(self._path.read_bytes()).hexdigest()[:16]
        except OSError:
            return ""

    def choose(self, password: str) -> None:
        """OSError when it cannot be stored; the old one holds then."""
        from argon2 import PasswordHasher

        with self._one_at_a_time:
            text = PasswordHasher(TIME_COST, MEMORY_KIB, 1).hash(password)
        safefile.replace(self._path, text.encode("ascii"))

    def matches(self, password: str) -> bool:
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            stored = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return False
        with self._one_at_a_time:
            try:
                return PasswordHasher(TIME_COST, MEMORY_KIB, 1).verify(stored, password[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False


def session_key(path: Path) -> bytes:
    """The stored key, made at the first call; one that lasts until the process ends where nothing can be stored."""
    try:
        key = path.read_bytes()
        if len(key) >= 32:
            return key
    except OSError:
        pass
    key = secrets.token_bytes(32)
    with suppress(OSError):
        safefile.replace(path, key)
    return key
