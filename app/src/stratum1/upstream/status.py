# SPDX-License-Identifier: MIT
"""What is known of the upstream servers, as the file `run/upstream.json` holds it.

Signs as in ntpq: an offset is positive when the server is ahead of the time that we serve.  Times are integers in
nanoseconds; `monotonic_ns` and the ages are of CLOCK_MONOTONIC, so nobody who sets a clock makes old news look new.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stratum1.paths import Paths

STALE_NS = 180_000_000_000
"""A file that was not renewed for so long is of a process that does not run; it is renewed every 64 s at least."""

_FORMAT = 1


class Verdict(StrEnum):
    """What the upstream servers together say of the time that we serve."""

    WAITING = "waiting"
    """No server has had the time to answer yet."""
    AGREES = "agrees"
    DISAGREES = "disagrees"
    """A majority of the usable servers agrees on a time that cannot be ours."""
    NO_MAJORITY = "no majority"
    """The servers contradict each other: nothing can be said."""
    UNREACHABLE = "unreachable"
    """No server gives a usable answer."""
    NOT_COMPARED = "not compared"
    """The servers answer, but this box claims no time that could be compared."""


class Tally(StrEnum):
    """What is thought of one server, by the codes of ntpq; none is ever followed, so there is no `*`."""

    UNUSABLE = " "
    """It does not answer, is not synchronised, or must not be counted; `problem` says which."""
    FALSETICKER = "x"
    """Its time cannot be right if the majority's is, or there is no majority."""
    CANDIDATE = "+"
    """One of the majority."""


@dataclass(frozen=True, slots=True)
class Server:
    """One upstream server; what has not been measured yet is None."""

    name: str
    """As the settings have it."""
    address: str = ""
    """The address that is asked; empty while the name is not resolved."""
    tally: Tally = Tally.UNUSABLE
    problem: str = ""
    """Why it is not usable, as one line; empty when it is."""
    stratum: int = 0
    """As on the wire: 0 = none heard, or not synchronised."""
    refid: str = ""
    """As ntpq shows it: an address, or the name of a reference clock."""
    leap: int = 3
    """Leap indicator, RFC 5905 figure 9."""
    reach: int = 0
    """The last eight requests, newest in bit 0; people read it in octal."""
    poll_s: int = 64
    heard_ns: int | None = None
    """CLOCK_MONOTONIC of its last good answer."""
    offset_ns: int | None = None
    delay_ns: int | None = None
    """There and back."""
    jitter_ns: int | None = None
    distance_ns: int | None = None
    """The server's time is `offset_ns` +- this ahead of ours, if the server is right (root distance, RFC 5905 11.2)."""
    root_delay_ns: int = 0
    root_dispersion_ns: int = 0

    @property
    def reach_octal(self) -> str:
        return f"{self.reach:o}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """All upstream servers, and what they say together."""

    verdict: Verdict = Verdict.WAITING
    servers: tuple[Server, ...] = ()
    offset_ns: int | None = None
    """What the majority's time is ahead of ours: the middle of what it allows; None without a majority."""
    error_ns: int | None = None
    """+-, the width of what the majority allows."""
    bound_ns: int = 0
    """The error bound that we claimed of our own time."""
    majority: int = 0
    """How many servers agree with each other."""
    since_ns: int = 0
    """CLOCK_MONOTONIC at which the verdict became what it is."""
    monotonic_ns: int = 0
    """CLOCK_MONOTONIC of this writing."""

    @property
    def usable(self) -> int:
        """How many servers give a usable answer."""
        return sum(server.tally is not Tally.UNUSABLE for server in self.servers)

    @property
    def contradicts(self) -> bool:
        """Whether this is reason enough to doubt our own time.

        At least two servers agree with each other and not with us: a single one may be wrong, or forged, itself.
        """
        return self.verdict is Verdict.DISAGREES and self.majority >= 2

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return dataclasses.asdict(self)


def write(paths: Paths, upstream: Upstream) -> None:
    """Replace the file, so that a reader sees the old or the new content; a full disk leaves the old."""
    new = paths.upstream_status.with_name(paths.upstream_status.name + ".new")
    with contextlib.suppress(OSError):
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump({"format": _FORMAT, **upstream.as_dict()}, file)
        os.replace(new, paths.upstream_status)


def read(paths: Paths, monotonic_ns: int | None = None) -> Upstream | None:
    """The newest news; None when there is none, when it is older than STALE_NS, or when it is not to be understood.

    `monotonic_ns` is CLOCK_MONOTONIC of now, for tests.
    """
    try:
        content = json.loads(paths.upstream_status.read_text(encoding="utf-8"))
        found = _parse(content)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    now = time.monotonic_ns() if monotonic_ns is None else monotonic_ns
    return found if 0 <= now - found.monotonic_ns <= STALE_NS else None


def _parse(content: Any) -> Upstream:
    if not isinstance(content, dict) or content.pop("format") != _FORMAT:
        raise ValueError("another format")
    servers = tuple(Server(**{**row, "tally": Tally(row["tally"])}) for row in content.pop("servers"))
    found = Upstream(**{**content, "verdict": Verdict(content["verdict"]), "servers": servers})
    items: tuple[Upstream | Server, ...] = (found, *servers)
    for item in items:
        for field in dataclasses.fields(item):
            _check(str(field.type), getattr(item, field.name))
    return found


def _check(kind: str, value: object) -> None:
    """TypeError when a number or a text is none: who reads counts on it."""
    if value is None and "None" in kind:
        return
    wanted = int if kind.startswith("int") else str if kind == "str" else object
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind}")
