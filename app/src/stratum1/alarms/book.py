# SPDX-License-Identifier: MIT
"""Which alarms stand, and which of them are worth a message: what lasts, what gets worse, what is over.  Pure.

A condition counts from its first sight until it has been gone for `clear_after_s`; shorter gaps do not end it.  So one
that comes and goes is told once and not each time.  Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stratum1.words.alarms import LEVELS, Alarm


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    """raised, worse or cleared."""
    alarm: Alarm
    lasted_s: float
    """Since the condition was first seen."""


@dataclass(slots=True)
class _Entry:
    alarm: Alarm
    first: float
    last: float
    told: str = ""
    """The worst level that was told; empty = none yet."""
    worse: float | None = None
    """Since when it is worse than told."""


class Book:
    def __init__(self, raise_after_s: float, clear_after_s: float, least: str = LEVELS[0]) -> None:
        """Conditions below the level `least` are passed over."""
        self._raise_after_s = raise_after_s
        self._clear_after_s = clear_after_s
        self._least = LEVELS.index(least)
        self._entries: dict[str, _Entry] = {}

    def look(self, now: float, found: Iterable[Alarm]) -> list[Event]:
        """Take in what holds at `now`; what is to be told of it."""
        here = {alarm.key: alarm for alarm in found if LEVELS.index(alarm.level) >= self._least}
        events: list[Event] = []
        for key, alarm in here.items():
            entry = self._entries.setdefault(key, _Entry(alarm, now, now))
            entry.alarm, entry.last = alarm, now
            kind = self._due(entry, now)
            if kind:
                entry.told, entry.worse = alarm.level, None
                events.append(Event(kind, alarm, now - entry.first))
        for key, entry in list(self._entries.items()):
            if key not in here and now - entry.last >= self._clear_after_s:
                del self._entries[key]
                if entry.told:
                    events.append(Event("cleared", entry.alarm, entry.last - entry.first))
        return events

    def _due(self, entry: _Entry, now: float) -> str:
        if not entry.told:
            return "raised" if now - entry.first >= self._raise_after_s else ""
        if LEVELS.index(entry.alarm.level) <= LEVELS.index(entry.told):
            entry.worse = None
            return ""
        entry.worse = now if entry.worse is None else entry.worse
        return "worse" if now - entry.worse >= self._raise_after_s else ""

    @property
    def keys(self) -> frozenset[str]:
        """Conditions that count now, told or not."""
        return frozenset(self._entries)

    @property
    def standing(self) -> list[Alarm]:
        """What was told and is not over, the worst first."""
        told = [entry.alarm for entry in self._entries.values() if entry.told]
        return sorted(told, key=lambda alarm: -LEVELS.index(alarm.level))

    # So that a process that is started anew neither repeats nor forgets

    def notes(self, now: float) -> list[dict[str, Any]]:
        """What was told, ready for JSON."""
        return [
            {
                "key": entry.alarm.key,
                "level": entry.alarm.level,
                "headline": entry.alarm.headline,
                "advice": entry.alarm.advice,
                "told": entry.told,
                "age_s": round(now - entry.first, 1),
            }
            for entry in self._entries.values()
            if entry.told
        ]

    def restore(self, now: float, notes: object) -> None:
        """Go on from notes(); what is damaged is passed over."""
        for note in notes if isinstance(notes, list) else []:
            try:
                texts = [note[name] for name in ("key", "level", "headline", "advice")]
                told, age = note["told"], float(note["age_s"])
            except (TypeError, KeyError, ValueError):
                continue
            if all(isinstance(text, str) for text in texts) and texts[1] in LEVELS and told in LEVELS and age >= 0:
                self._entries[texts[0]] = _Entry(Alarm(*texts), now - age, now, told)
