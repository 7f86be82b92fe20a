# SPDX-License-Identifier: MIT
"""What a person should be told of, once for panel, page and everything that alarms are sent to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from stratum1.upstream import Upstream
from stratum1.words.status import Status
from stratum1.words.upstream import compare

LEVELS = ("warning", "alarm")
"""How bad it is, rising: soon bad, and a person is needed."""
HOT_C, COOL_C = 75.0, 70.0
"""A Pi slows down at 80 to 85; it counts as hot until it is cool again."""
_TROUBLE = ("waiting", "restarting", "stopped")


@dataclass(frozen=True, slots=True)
class Alarm:
    key: str
    """Which condition it is, for programs: time, upstream, process.gpsd, traffic, hot."""
    level: str
    """One of LEVELS."""
    headline: str
    advice: str = ""

    @property
    def text(self) -> str:
        return f"{self.headline} {self.advice}".strip()


def alarms(
    status: Status,
    children: Mapping[str, Any],
    traffic_problem: str = "",
    upstream: Upstream | None = None,
    standing: Collection[str] = (),
) -> tuple[Alarm, ...]:
    """All conditions that hold now, the worst subject first.

    `children` is what the supervisor says of its processes, `upstream` what other servers say, where any are named,
    and `standing` are the keys of the alarms that stand already: what is hot must be cool again to be well.
    """
    found = []
    if status.level in LEVELS:
        found.append(Alarm("time", status.level, status.headline, status.advice))
    if upstream is not None and (said := compare(upstream)).level in LEVELS:
        found.append(Alarm("upstream", said.level, said.headline, said.advice))
    for name, child in sorted(children.items()):
        if isinstance(child, dict) and child.get("state") in _TROUBLE:
            found.append(Alarm(f"process.{name}", "warning", f"{name}: {child.get('why') or child['state']}."))
    if traffic_problem:
        found.append(Alarm("traffic", "warning", f"{traffic_problem}."))
    limit = COOL_C if "hot" in standing else HOT_C
    if status.temperature_c is not None and status.temperature_c >= limit:
        found.append(Alarm("hot", "warning", f"The box is hot ({status.temperature}).", "Give it air."))
    return tuple(found)
