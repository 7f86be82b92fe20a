# SPDX-License-Identifier: MIT
"""What the upstream servers say of our time, as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass

from stratum1.upstream import Tally, Upstream, Verdict
from stratum1.words.tongue import N_, _, ngettext
from stratum1.words.units import format_bound, format_seconds

TALLIES: dict[Tally, str] = {
    Tally.UNUSABLE: N_("cannot be counted"),
    Tally.FALSETICKER: N_("contradicts the majority"),
    Tally.CANDIDATE: N_("one of the majority"),
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
            _("upstream not checked"),
            _("Nothing is known of the upstream servers: the process that asks them does not run."),
            _("It is started anew by itself; if this stays, look at the log."),
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
            _("upstream disagrees"),
            _("This box is {difference} what {majority} upstream servers agree on.").format(
                difference=difference, majority=upstream.majority
            ),
            _(
                "Check the antenna's surroundings for a repeater or a forged signal, and the receiver's leap seconds; "
                "until it is clear which is wrong, do not rely on this time alone."
            ),
        )
    return Comparison(
        "warning",
        _("one server disagrees"),
        _("This box is {difference} the one upstream server that answers, which may be wrong itself.").format(
            difference=difference
        ),
        _("Name three servers of different operators: then it can be told who is wrong."),
    )


def _others(upstream: Upstream) -> Comparison:
    agree = ngettext(
        "{some} of {all} upstream server agrees with this box within {span}.",
        "{some} of {all} upstream servers agree with this box within {span}.",
        len(upstream.servers),
    ).format(some=upstream.majority, all=len(upstream.servers), span=_within(upstream))
    return {
        Verdict.WAITING: Comparison(
            "busy", _("asking upstream"), _("The upstream servers are being asked."), _("Wait a minute.")
        ),
        Verdict.AGREES: Comparison(
            "good",
            _("upstream agrees"),
            agree,
            _("Nothing to do."),
        ),
        Verdict.NO_MAJORITY: Comparison(
            "warning",
            _("upstream is split"),
            _("The upstream servers contradict each other, so they prove nothing."),
            _("Name three or more servers of different operators."),
        ),
        Verdict.UNREACHABLE: Comparison(
            "warning",
            _("upstream unreachable"),
            _("No upstream server gives a usable answer."),
            _("Check the network and the names in upstream.servers."),
        ),
        Verdict.NOT_COMPARED: Comparison(
            "busy",
            _("upstream waits for us"),
            _("The upstream servers answer; this box claims no time that they could be compared with."),
            _("Wait until this box has its own time."),
        ),
    }[upstream.verdict]


def _within(upstream: Upstream) -> str:
    """The most that the two could differ and still agree."""
    return format_seconds(abs(upstream.offset_ns or 0) + (upstream.error_ns or 0), up=True)
