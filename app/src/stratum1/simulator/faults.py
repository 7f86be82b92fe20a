# SPDX-License-Identifier: MIT
"""What can be wrong with the simulated hat, how it is asked for and how it is told."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong at present; each field's name is its option on the command line."""

    no_pulse: bool = False
    no_fix: bool = False
    no_antenna: bool = False
    unplug: bool = False
    mute: bool = False
    garble: bool = False
    rollover: bool = False
    no_leap: bool = False
    forged: bool = False
    wrong_second: int = 0
    spike: int = 0
    slip: int = 0

    def told(self) -> list[str]:
        """One line for each fault, for a person."""
        return [_TOLD[f.name].format(getattr(self, f.name)) for f in dataclasses.fields(self) if getattr(self, f.name)]

    def changed(self, changes: dict[str, Any]) -> Faults:
        """With `changes` on top; ValueError says which key or value is bad."""
        known: dict[str, type] = {f.name: type(f.default) for f in dataclasses.fields(self)}
        for key, value in changes.items():
            if key not in known:
                raise ValueError(f"{key}: unknown fault, want one of {', '.join(known)}")
            if type(value) is not known[key]:
                raise ValueError(f"{key}: {value!r} is no {known[key].__name__}")
            if isinstance(value, int) and abs(value) > LIMITS.get(key, 1):
                raise ValueError(f"{key}: {value} is too much, want at most {LIMITS[key]}")
        return dataclasses.replace(self, **changes)


LIMITS = {"wrong_second": 86_400, "spike": 400_000_000, "slip": 400_000_000}

HELP = {
    "no_pulse": "the pulse line is dead; messages go on",
    "no_fix": "the receiver reports no fix; its pulses go on",
    "no_antenna": "the antenna is pulled: no satellites, no fix, no pulses",
    "unplug": "the hat is gone: neither messages nor pulses, the serial device vanishes",
    "mute": "no messages; pulses go on",
    "garble": "a part of the message bytes arrives damaged",
    "rollover": "the receiver's date is 1024 weeks in the past",
    "no_leap": "the receiver has no leap-second data yet: its UTC is 3 s ahead, and it says so if it can",
    "forged": "the signals are forged: the position is a kilometre off, and the receiver finds it odd if it can",
    "wrong_second": "messages name a second that is off by this many (1 unless told)",
    "spike": "one pulse is late by this many ns (50000 unless told)",
    "slip": "from now on all pulses are late by this many ns (250000 unless told)",
}

GIVEN_ALONE = {"wrong_second": 1, "spike": 50_000, "slip": 250_000}
"""What an option with a value means without one."""

_TOLD = {
    "no_pulse": "no pulse",
    "no_fix": "no fix",
    "no_antenna": "antenna pulled",
    "unplug": "unplugged",
    "mute": "no messages",
    "garble": "messages damaged",
    "rollover": "date 1024 weeks in the past",
    "no_leap": "no leap-second data, UTC 3 s ahead",
    "forged": "signals forged, position a kilometre off",
    "wrong_second": "messages name a second off by {:+d}",
    "spike": "next pulse late by {} ns",
    "slip": "all pulses late by {} ns",
}
