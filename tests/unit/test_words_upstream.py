# SPDX-License-Identifier: MIT
"""Every verdict of the upstream servers has its words; a disagreement tells its size and its direction."""

from __future__ import annotations

import pytest

from stratum1.upstream import Server, Tally, Upstream, Verdict
from stratum1.words import TALLIES, compare

MS = 1_000_000


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("majority", [0, 1, 3])
def test_every_verdict_has_words_that_fit(verdict: Verdict, majority: int) -> None:
    said = compare(Upstream(verdict=verdict, majority=majority, servers=(Server("a"),) * 3))
    assert said.level in ("good", "busy", "warning", "alarm")
    assert 0 < len(said.short) <= 21
    assert said.headline.endswith(".") and said.advice.endswith(".")


def test_every_tally_code_is_explained() -> None:
    assert TALLIES.keys() == set(Tally)


@pytest.mark.parametrize(
    ("offset_ns", "majority", "level", "headline"),
    [
        (40 * MS, 3, "alarm", "This box is 40 ms (±7.0 ms) behind what 3 upstream servers agree on."),
        (-1500 * MS, 2, "alarm", "This box is 1.5 s (±7.0 ms) ahead of what 2 upstream servers agree on."),
        (
            40 * MS,
            1,
            "warning",
            "This box is 40 ms (±7.0 ms) behind the one upstream server that answers, which may be wrong itself.",
        ),
    ],
)
def test_a_disagreement_tells_size_and_direction(offset_ns: int, majority: int, level: str, headline: str) -> None:
    said = compare(Upstream(verdict=Verdict.DISAGREES, majority=majority, offset_ns=offset_ns, error_ns=7 * MS))
    assert (said.level, said.headline) == (level, headline)


def test_agreement_tells_how_good_it_is() -> None:
    servers = (Server("a"), Server("b"), Server("c"))
    said = compare(Upstream(verdict=Verdict.AGREES, majority=2, servers=servers, offset_ns=-3 * MS, error_ns=9 * MS))
    assert (said.level, said.headline) == ("good", "2 of 3 upstream servers agree with this box within 12 ms.")
    alone = compare(Upstream(verdict=Verdict.AGREES, majority=1, servers=servers[:1], offset_ns=0, error_ns=MS))
    assert alone.headline == "1 of 1 upstream server agrees with this box within 1.0 ms."


def test_a_process_that_does_not_run_is_no_agreement() -> None:
    assert compare(None).level == "warning"
