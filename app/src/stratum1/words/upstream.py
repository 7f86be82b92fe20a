# SPDX-License-Identifier: MIT
"""What the upstream servers say of our time, as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.upstream import Tally, Upstream, Verdict
from stratum1.words.units import format_bound, format_seconds

TALLIES: dict[Tally, str] = {
    Tally.UNUSABLE: "cannot be counted",
    Tally.FALSETICKER: "contradicts the majority",
    Tally.CANDIDATE: "one of the majority",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    level: str
    """good, busy (wait), warning (worth a look) or alarm (a person is needed)."""
    short: str
    """At most 21 characters."""
    headline: str
    advice: str


def compare(upstream: Upstream | None) -> Comparison:
    """The words for what read() of the room gave, where servers are named at all."""
    if upstream is None:
        return Comparison(
            "warning",
            "upstream not checked",
            "Nothing is known of the upstream servers: the process that asks them does not run.",
            "It is started anew by itself; if this stays, look at the log.",
        )
    if upstream.verdict is Verdict.DISAGREES:
        return _disagrees(upstream)
    return _others(upstream)


def _disagrees(upstream: Upstream) -> Comparison:
    offset_ns, error_ns = upstream.offset_ns or 0, upstream.error_ns or 0
    difference = (
        f"{format_seconds(abs(offset_ns))} ({format_bound(error_ns)}) {'behind' if offset_ns > 0 else 'ahead of'}"
    )
    if upstream.contradicts:
        return Comparison(
            "alarm",
            "upstream disagrees",
            f"This box is {difference} what {upstream.majority} upstream servers agree on.",
            "Check the antenna's surroundings for a repeater or a forged signal, and the receiver's leap seconds; "
            "until it is clear which is wrong, do not rely on this time alone.",
        )
    return Comparison(
        "warning",
        "one server disagrees",
        f"This box is {difference} the one upstream server that answers, which may be wrong itself.",
        "Name three servers of different operators: then it can be told who is wrong.",
    )


def _others(upstream: Upstream) -> Comparison:
    of = f"{upstream.majority} of {len(upstream.servers)} upstream server{'s' * (len(upstream.servers) != 1)}"
    return {
        Verdict.WAITING: Comparison(
            "busy", "asking upstream", "The upstream servers are being asked.", "Wait a minute."
        ),
        Verdict.AGREES: Comparison(
            "good",
            "upstream agrees",
            f"{of} agree{'s' * (upstream.majority == 1)} with this box within {_within(upstream)}.",
            "Nothing to do.",
        ),
        Verdict.NO_MAJORITY: Comparison(
            "warning",
            "upstream is split",
            "The upstream servers contradict each other, so they prove nothing.",
            "Name three or more servers of different operators.",
        ),
        Verdict.UNREACHABLE: Comparison(
            "warning",
            "upstream unreachable",
            "No upstream server gives a usable answer.",
            "Check the network and the names in upstream.servers.",
        ),
        Verdict.NOT_COMPARED: Comparison(
            "busy",
            "upstream waits for us",
            "The upstream servers answer; this box claims no time that they could be compared with.",
            "Wait until this box has its own time.",
        ),
    }[upstream.verdict]


def _within(upstream: Upstream) -> str:
    """The most that the two could differ and still agree."""
    return format_seconds(abs(upstream.offset_ns or 0) + (upstream.error_ns or 0), up=True)
