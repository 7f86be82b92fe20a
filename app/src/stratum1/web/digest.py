# SPDX-License-Identifier: MIT
"""Charts as short tables, for who cannot see them or has no script: a row for each block of a span."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stratum1.history import Point, Record
from stratum1.timescale import NS_PER_S
from stratum1.tracking import State
from stratum1.words import Moment, format_bound, format_duration, format_seconds, moment

BLOCK_S = {"hour": 300, "day": 3600, "month": 86_400}
_WORST_LAST = (State.LOCKED, State.HOLDOVER, State.ACQUIRING, State.UNSYNCHRONISED)


@dataclass(frozen=True, slots=True)
class Row:
    """Ready texts; empty where nothing is known."""

    begin: Moment
    state: str
    """The worst."""
    offset: str
    """Mean and, in parentheses, extremes."""
    jitter: str
    bound: str
    """The largest."""
    frequency: str
    temperature: str
    satellites: str
    """The fewest."""


def rows(records: Iterable[Record], span: str, zone: str) -> list[Row]:
    """Newest first."""
    blocks: dict[int, list[Record]] = {}
    for record in records:
        blocks.setdefault(record.start_s // BLOCK_S[span] * BLOCK_S[span], []).append(record)
    return [_row(start, blocks[start], zone) for start in sorted(blocks, reverse=True)]


def _row(start_s: int, records: list[Record], zone: str) -> Row:
    low, high = _known(records, lambda r: r.offset_min_ns), _known(records, lambda r: r.offset_max_ns)
    bounds = _known(records, lambda r: r.bound_ns)
    extremes = f" ({_signed(min(low))} to {_signed(max(high))})" if low and high else ""
    return Row(
        begin=moment(start_s * NS_PER_S, zone),
        state=max((record.state for record in records), key=_WORST_LAST.index).name,
        offset=_mean(records, lambda r: r.offset_ns, _signed) + extremes,
        jitter=_mean(records, lambda r: r.jitter_ns, lambda ns: format_seconds(round(ns))),
        bound=format_bound(math.ceil(max(bounds))) if bounds else "",
        frequency=_mean(records, lambda r: r.frequency_ppm, lambda ppm: f"{ppm:+.4f} ppm"),
        temperature=_mean(records, lambda r: r.temperature_c, lambda degrees: f"{degrees:.1f} °C"),
        satellites=str(min(record.satellites for record in records)),
    )


def _signed(ns: float) -> str:
    return format_seconds(round(ns), signed=True)


def _known(records: list[Record], value: Callable[[Record], float]) -> list[float]:
    return [found for record in records if not math.isnan(found := value(record))]


def _mean(records: list[Record], value: Callable[[Record], float], say: Callable[[float], str]) -> str:
    known = [(found, record.count) for record in records if not math.isnan(found := value(record))]
    return say(sum(v * n for v, n in known) / sum(n for _, n in known)) if known else ""


LEAST_INTERVALS = 3
"""With fewer the deviation is a guess: it may be off by half."""


@dataclass(frozen=True, slots=True)
class StabilityRow:
    tau: str
    served: str
    crystal: str


def stability_rows(served: list[Point], crystal: list[Point]) -> list[StabilityRow]:
    by_tau = [{point.tau_s: _deviation(point) for point in trusted(points)} for points in (served, crystal)]
    return [
        StabilityRow(format_duration(tau * NS_PER_S), by_tau[0].get(tau, ""), by_tau[1].get(tau, ""))
        for tau in sorted({*by_tau[0], *by_tau[1]})
    ]


def trusted(points: list[Point]) -> list[Point]:
    return [point for point in points if point.intervals >= LEAST_INTERVALS]


def _deviation(point: Point) -> str:
    return f"{point.deviation:.2e} ± {100 / math.sqrt(2 * point.intervals):.0f} %"
