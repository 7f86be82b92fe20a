# SPDX-License-Identifier: MIT
"""The majority: what more than half of the servers allow holds true time, if more than half of them are right."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.upstream.selection import Majority, majority


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], None),
        ([(-5, 5)], Majority(-5, 5, 1)),
        ([(-5, 5), (3, 9)], Majority(3, 5, 2)),
        ([(-5, 5), (5, 9)], Majority(5, 5, 2)),
        ([(-5, 5), (6, 9)], None),
        ([(-5, 5), (-4, 6), (100, 101)], Majority(-4, 5, 2)),
        ([(-5, 5), (20, 30), (100, 101)], None),
        ([(0, 100), (10, 20), (30, 40)], Majority(10, 40, 2)),
        ([(0, 2), (1, 3), (50, 52), (51, 53)], None),
    ],
)
def test_examples(intervals: list[tuple[int, int]], expected: Majority | None) -> None:
    assert majority(intervals) == expected


INTERVALS = st.lists(
    st.tuples(st.integers(-50, 50), st.integers(0, 60)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=8
)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=5), INTERVALS, st.randoms())
def test_every_time_that_more_than_half_allow_is_within(
    right: list[tuple[int, int]], wrong: list[tuple[int, int]], random: Random
) -> None:
    """True time is 0."""
    intervals = [(-before, after) for before, after in right] + wrong[: len(right) - 1]
    random.shuffle(intervals)
    found = majority(intervals)
    assert found is not None and found.meets(0, 0) and found.count >= len(right)


@given(INTERVALS)
def test_its_ends_are_themselves_allowed_by_more_than_half(intervals: list[tuple[int, int]]) -> None:
    found = majority(intervals)
    if found is None:
        return
    for end in (found.low_ns, found.high_ns):
        assert 2 * sum(low <= end <= high for low, high in intervals) > len(intervals)
    assert abs(found.middle_ns - found.low_ns) <= found.error_ns + 1
