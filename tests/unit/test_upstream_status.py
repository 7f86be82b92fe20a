# SPDX-License-Identifier: MIT
"""What the upstream process writes is what others read, or nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.paths import Paths
from stratum1.upstream import Server, Tally, Upstream, Verdict, read, write
from stratum1.upstream.status import STALE_NS

NOW = 5_000_000_000_000

SAID = Upstream(
    verdict=Verdict.DISAGREES,
    servers=(
        Server(
            "ntp1.example.org",
            address="192.0.2.1",
            tally=Tally.CANDIDATE,
            stratum=1,
            refid="PPS",
            leap=0,
            reach=0o377,
            heard_ns=NOW - 3,
            offset_ns=-40_000_000,
            delay_ns=12_000_000,
            jitter_ns=1000,
            distance_ns=7_000_000,
        ),
        Server("ntp2.example.org", problem="no such name"),
    ),
    offset_ns=-40_000_000,
    error_ns=7_000_000,
    bound_ns=1000,
    majority=1,
    since_ns=NOW - 9,
    monotonic_ns=NOW,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(root=tmp_path, run=tmp_path, data=tmp_path)


def test_what_is_written_is_read(paths: Paths) -> None:
    write(paths, SAID)
    assert read(paths, NOW) == SAID
    assert [path.name for path in paths.run.iterdir()] == ["upstream.json"]


def test_nothing_written_is_nothing_known(paths: Paths) -> None:
    assert read(paths, NOW) is None


@pytest.mark.parametrize(("later_ns", "known"), [(STALE_NS, True), (STALE_NS + 1, False), (-1, False)])
def test_old_news_and_those_of_another_boot_are_none(paths: Paths, later_ns: int, known: bool) -> None:
    write(paths, SAID)
    assert (read(paths, NOW + later_ns) is not None) is known


def test_a_folder_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    write(Paths(root=tmp_path, run=tmp_path / "missing", data=tmp_path), SAID)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"verdict": "perhaps"},
        {"offset_ns": "7"},
        {"majority": None},
        {"servers": [{"name": 7, "tally": "x"}]},
        {"servers": [{"name": "a", "tally": "?"}]},
        {"servers": [{"name": "a", "tally": "x", "reach": True}]},
        {"servers": 7},
        {"surprise": 1},
    ],
)
def test_what_is_not_understood_is_none(paths: Paths, change: dict[str, Any]) -> None:
    write(paths, SAID)
    content = json.loads(paths.upstream_status.read_text())
    paths.upstream_status.write_text(json.dumps(content | change))
    assert read(paths, NOW) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["format", "servers", "verdict"]), inner),
)


@given(JSON)
def test_no_content_makes_the_reader_raise(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    folder = tmp_path_factory.mktemp("run")
    paths = Paths(root=folder, run=folder, data=folder)
    paths.upstream_status.write_text(json.dumps(content))
    assert read(paths, NOW) is None


@pytest.mark.parametrize(
    ("verdict", "majority", "expected"),
    [
        (Verdict.DISAGREES, 2, True),
        (Verdict.DISAGREES, 1, False),
        (Verdict.AGREES, 3, False),
        (Verdict.NO_MAJORITY, 2, False),
    ],
)
def test_one_server_alone_is_no_reason_to_doubt_ours(verdict: Verdict, majority: int, expected: bool) -> None:
    assert Upstream(verdict=verdict, majority=majority).contradicts is expected
