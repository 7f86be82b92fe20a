# SPDX-License-Identifier: MIT
"""The boot chart says when each step of the start was reached, in order, and is not rewritten by a later supervisor."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1 import bootchart
from stratum1.bootchart import chart, steps
from stratum1.supervisor.boot_chart import BootChart
from stratum1.tracking import Reason, Snapshot, State, TrackingWriter

BEGUN = "0.90 kernel\n1.20 S01syslogd\n3.10 S20data\n7.40 supervisor\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "chart").write_text(BEGUN)
    return tmp_path


def names(place: Path) -> list[str]:
    return [step.name for step in steps((place / "chart").read_text())]


def test_each_process_and_the_first_lock_are_noted_once(place: Path) -> None:
    noting = BootChart(place / "chart", place / "tracking")
    writer = TrackingWriter(place / "tracking")
    noting.turn([])
    noting.turn(["timekeeper"])
    writer.write(Snapshot(state=State.ACQUIRING, reason=Reason.NO_PULSE))
    noting.turn(["timekeeper", "responder", "gpsd"])
    writer.write(Snapshot(state=State.LOCKED, reason=Reason.NONE))
    noting.turn(["timekeeper", "responder"])
    noting.turn(["timekeeper", "responder", "web"])
    noting.turn(["timekeeper", "responder", "web"])
    assert names(place)[4:] == ["timekeeper", "responder", "locked", "web"]


def test_supervisor_that_is_started_anew_adds_nothing(place: Path) -> None:
    BootChart(place / "chart", place / "tracking").turn(["web"])
    before = (place / "chart").read_text()
    BootChart(place / "chart", place / "tracking").turn(["web", "timekeeper"])
    assert (place / "chart").read_text() == before


def test_machine_that_is_no_appliance_keeps_no_chart(tmp_path: Path) -> None:
    BootChart(tmp_path / "chart", tmp_path / "tracking").turn(["web"])
    assert not (tmp_path / "chart").exists()


def test_chart_tells_how_long_user_space_took() -> None:
    text = chart(steps(BEGUN))
    assert text.splitlines()[-1] == "kernel 0.90 s, then 6.50 s until the supervisor"
    assert "   3.10    1.90  S20data" in text


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30), st.integers(10, 100))
def test_every_bar_lies_in_its_place_and_within_the_width(lengths: list[float], width: int) -> None:
    at, rows = 0.0, []
    for number, length in enumerate(lengths):
        at += length
        rows.append(f"{at:.2f} step{number:03}")
    bars = [row[26:] for row in chart(steps("\n".join(rows)), width).splitlines()[1:]]
    assert len(bars) == len(lengths)
    for before, bar in itertools.pairwise(bars):
        assert bar.index("#") >= min(len(before) - 1, before.index("#"))
    assert all(0 < len(bar) <= width + 1 for bar in bars)


@pytest.mark.parametrize("text", ["1.0\n", "x kernel\n", "2.0 kernel\n1.0 S01syslogd\n"])
def test_chart_that_makes_no_sense_is_said_in_one_line(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/boot-chart").write_text(text)
    monkeypatch.setenv("STRATUM1_ROOT", str(tmp_path))
    assert bootchart.main([]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_chart_one_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRATUM1_ROOT", str(tmp_path))
    assert bootchart.main([]) == 1
    assert "only the appliance keeps one" in capsys.readouterr().err
