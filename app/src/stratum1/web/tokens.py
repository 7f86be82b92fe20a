# SPDX-License-Identifier: MIT
"""With what programs log in: tokens of 256 random bits, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stratum1 import safefile
from stratum1.words.tongue import _

SCOPES = ("read", "write")
PREFIX = "stratum1_"
"""So that a scanner for leaked secrets, or a person, knows one when it sees one."""
MOST = 32
LONGEST_NAME = 60
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    name: str
    scope: str
    digest: str
    """SHA-256 of the token, hexadecimal: what was drawn by chance needs no slow hash."""
    made_s: int
    used_s: int = 0
    """When it was last used, to the day; 0 = never."""


def parse(data: bytes) -> list[Token]:
    """ValueError when it is no file of ours."""
    content = json.loads(data)
    if not isinstance(content, list):
        raise ValueError("not a list of tokens")
    try:
        found = [Token(**each) for each in content]
    except TypeError:
        raise ValueError("a token of another kind") from None
    for each in found:
        whole = isinstance(each.made_s, int) and isinstance(each.used_s, int)
        named = isinstance(each.id, str) and isinstance(each.name, str)
        if not whole or not named or each.scope not in SCOPES or not re.fullmatch("[0-9a-f]{64}", str(each.digest)):
            raise ValueError("a token of another kind")
    return found


def name_problem(name: str) -> str | None:
    if not name.strip():
        return _("say what it is for, so that you know later which one to delete")
    if len(name) > LONGEST_NAME or not name.isprintable():
        return _("want at most {most} letters on one line").format(most=LONGEST_NAME)
    return None


class Tokens:
    """The file at `path`, for many threads; a file that is damaged holds no token."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()

    def all(self) -> list[Token]:
        try:
            return parse(self._path.read_bytes())
        except (OSError, ValueError):
            return []

    def make(self, name: str, scope: str) -> str:
        """A new token: the one time that it is told.  ValueError when name, scope or number will not do."""
        problem = name_problem(name)
        if problem or scope not in SCOPES:
            raise ValueError(problem or f"want one of {', '.join(SCOPES)}")
        token = PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            there = self.all()
            if len(there) >= MOST:
                raise ValueError(_("there are {most} already: delete one first").format(most=MOST))
            made = Token(secrets.token_hex(4), name.strip(), scope, _digest(token), int(self._clock()))
            self._store([*there, made])
        return token

    def delete(self, identity: str) -> bool:
        """Whether there was such a token."""
        with self._lock:
            there = self.all()
            left = [each for each in there if each.id != identity]
            if len(left) < len(there):
                self._store(left)
            return len(left) < len(there)

    def find(self, token: str) -> Token | None:
        """The one that `token` is; None when it is none of ours."""
        digest = _digest(token)
        found = None
        for each in self.all():
            if hmac.compare_digest(each.digest, digest):
                found = each
        if found is not None:
            self._used(found)
        return found

    def _used(self, token: Token) -> None:
        now = int(self._clock())
        today = now - now % _DAY_S
        if token.used_s >= today:
            return
        with self._lock, suppress(OSError):
            # Once a day: an SD card dies of being written.
            self._store([replace(each, used_s=today) if each.id == token.id else each for each in self.all()])

    def _store(self, tokens: list[Token]) -> None:
        safefile.replace(self._path, json.dumps([asdict(each) for each in tokens], indent=1).encode("utf-8"))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
