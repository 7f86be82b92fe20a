# SPDX-License-Identifier: MIT
"""A receiver that is not heard is looked for anew, ever more rarely; what is found is remembered."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from stratum1.receiver import memory
from stratum1.receiver.status import ReceiverStatus
from stratum1.supervisor.loss import FIRST_S, LAST_S, LossWatch
from stratum1.supervisor.receiver_watch import ReceiverWatch


def restarts(watch: LossWatch, heard: list[bool]) -> list[int]:
    """At which seconds it begins anew; each beginning is a start."""
    times, started = [], 0.0
    for second, ok in enumerate(heard):
        if watch.look(ok, float(second), started):
            times.append(second)
            started = float(second)
    return times


def test_a_receiver_that_is_heard_is_left_alone() -> None:
    assert restarts(LossWatch(), [True] * 5000) == []


def test_short_silences_are_no_reason() -> None:
    assert restarts(LossWatch(), ([True] * 10 + [False] * int(FIRST_S - 1)) * 20) == []


def test_the_search_begins_after_a_minute_and_is_repeated_ever_more_rarely() -> None:
    times = restarts(LossWatch(), [False] * 20_000)
    assert times[0] == FIRST_S
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == LAST_S


def test_once_heard_it_is_as_patient_as_at_first() -> None:
    watch = LossWatch()
    restarts(watch, [False] * 5000)
    assert not watch.look(True, 5000.0, 0.0)
    assert not watch.look(False, 5001.0, 0.0)
    assert watch.look(False, 5001.0 + FIRST_S, 0.0)


def test_a_gpsd_that_was_just_started_is_given_its_time() -> None:
    watch = LossWatch()
    watch.look(False, 0.0, 0.0)
    assert not watch.look(False, 100.0, 99.0)


def test_only_what_gpsd_understands_is_remembered(tmp_path: Path) -> None:
    remembered: list[str] = []
    told = ReceiverStatus(gpsd="3.25", name="u-blox M8")
    watch = ReceiverWatch(lambda: told, tmp_path / "receiver.json", lambda: remembered.append("now"))
    watch.look()
    assert remembered == []
    told = ReceiverStatus(gpsd="3.25", name="u-blox M8", driver="u-blox")
    watch.look()
    assert remembered == ["now"]
    told = ReceiverStatus(gpsd="3.25", driver="u-blox", problem="/dev/ttyAMA0 cannot be read")
    watch.look()
    assert remembered == ["now"]


def test_a_memory_that_cannot_be_written_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        memory.save(tmp_path / "file" / "receiver.json", memory.Memory((memory.Found("/dev/ttyAMA0", 9600),)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
