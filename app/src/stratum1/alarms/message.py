# SPDX-License-Identifier: MIT
"""One message about the box, the same for every way it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from stratum1.alarms.book import Event
from stratum1.words import Status, format_duration

_KINDS = {"raised": "", "worse": "Worse: ", "cleared": "Over: ", "test": "Test: "}


@dataclass(frozen=True, slots=True)
class Message:
    box: str
    kind: str
    """raised, worse, cleared or test."""
    key: str
    level: str
    headline: str
    advice: str
    state: str
    """LOCKED, HOLDOVER, ..., when it was written."""
    time_utc: str
    """ISO 8601 by the box's own time; empty while it does not know the time."""
    lasted_s: int
    left_out: int = 0
    """Messages before this one that were not sent, because there were too many."""

    @property
    def subject(self) -> str:
        return f"{self.box}: {_KINDS[self.kind]}{self.headline}"

    @property
    def body(self) -> str:
        """For a person: one statement to a line."""
        lines = [self.subject]
        if self.advice and self.kind != "cleared":
            lines.append(self.advice)
        if self.kind == "cleared":
            lines.append(f"It lasted {format_duration(self.lasted_s * 10**9)}.")
        lines.append(f"State: {self.state}.")
        lines.append(f"Time: {self.time_utc}." if self.time_utc else "The box does not know the time.")
        if self.left_out:
            lines.append(f"{self.left_out} earlier messages were left out, because there were too many.")
        return "\n".join(lines) + "\n"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def counting(self, left_out: int) -> Message:
        return replace(self, left_out=left_out)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Message:
        """As as_dict() gave it; TypeError or ValueError when it is damaged."""
        found = cls(**content)
        numbers = (found.lasted_s, found.left_out)
        texts = [value for name, value in content.items() if name not in ("lasted_s", "left_out")]
        if found.kind not in _KINDS or not all(isinstance(text, str) for text in texts):
            raise ValueError("no message")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("no message")
        return found


def about(event: Event, status: Status, box: str) -> Message:
    """What is to be said of `event`."""
    alarm = event.alarm
    said = (alarm.key, alarm.level, alarm.headline, alarm.advice)
    return Message(box, event.kind, *said, status.state, _time(status), int(event.lasted_s))


def test(status: Status, box: str) -> Message:
    """What a person who tries a way is sent."""
    said = ("test", "warning", "Alarms of this box arrive here.", "")
    return Message(box, "test", *said, status.state, _time(status), 0)


def _time(status: Status) -> str:
    return f"{status.date_utc}T{status.time_utc}Z" if status.time_known else ""
