# SPDX-License-Identifier: MIT
"""The self-test says of each part whether it does what it should, and what to do when it does not."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from snapshots import ACQUIRING, HOLDOVER, LOCKED, UNSYNCHRONISED, Publish

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web import selftest
from stratum1.web.box import Box
from stratum1.web.check import Answer
from stratum1.web.selftest import ALARM, GOOD, NOTE, WARNING, Verdict
from stratum1.words import Status

RUNNING = {"state": "running", "restarts": 0, "why": ""}


def test_every_part_has_a_verdict_and_what_is_bad_has_advice(paths: Paths, publish: Publish) -> None:
    box = Box(paths, Settings())
    for snapshot in (None, LOCKED, HOLDOVER, ACQUIRING, UNSYNCHRONISED):
        if snapshot is not None:
            publish(snapshot)
        found = selftest.verdicts(box)
        assert [each.part for each in found][:3] == ["Receiver", "Pulse", "Clock"]
        assert {"Programs", "Panel", "Page", "Network", "Data partition", "Temperature", "Power"} <= {
            each.part for each in found
        }
        for each in found:
            assert each.words and each.level in (GOOD, NOTE, WARNING, ALARM)
            assert each.advice or each.level in (GOOD, NOTE), each


@pytest.mark.parametrize(
    ("told", "status", "level", "words"),
    [
        ({}, Status(), ALARM, "nothing is known"),
        ({"problem": "no receiver at /dev/ttyAMA0"}, Status(), ALARM, "no receiver at /dev/ttyAMA0"),
        ({"name": "MAX-M8Q", "verdict": "no sky"}, Status(fix_mode=1), WARNING, "MAX-M8Q: no sky"),
        ({"name": "MAX-M8Q", "verdict": "strong"}, Status(fix_mode=3), GOOD, "MAX-M8Q: strong"),
    ],
)
def test_the_receiver(told: dict[str, Any], status: Status, level: str, words: str) -> None:
    found = selftest.receiver(told, status)
    assert found.level == level and words in found.words


@pytest.mark.parametrize(("age_s", "level"), [(None, ALARM), (0.4, GOOD), (3.5, ALARM)])
def test_the_pulse(age_s: float | None, level: str) -> None:
    assert selftest.pulse(Status(pulses_accepted=5), age_s).level == level


def test_the_answers() -> None:
    found = list(
        selftest.responder(
            [
                Answer("IPv4", True, "", 0, 1, "127.0.0.1"),
                Answer("IPv6", True, "", 3, 0, "::1"),
                Answer("IPv4", False, "no answer", address="192.0.2.1"),
            ]
        )
    )
    assert [each.level for each in found] == [GOOD, NOTE, ALARM] and "192.0.2.1" in found[2].part
    assert next(selftest.responder([])).level == ALARM


@pytest.mark.parametrize(
    ("children", "level", "words"),
    [
        ({}, ALARM, "no supervisor"),
        ({"web": RUNNING, "panel": {**RUNNING, "state": "off"}}, GOOD, "2, all as they should be"),
        ({"web": RUNNING, "gpsd": {"state": "waiting", "why": "no receiver"}}, ALARM, "gpsd: no receiver"),
        ({"web": {**RUNNING, "restarts": 3}}, GOOD, "3 restarts"),
    ],
)
def test_the_programs(children: dict[str, Any], level: str, words: str) -> None:
    found = selftest.processes(children)
    assert found.level == level and words in found.words


def test_the_data_partition(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    assert selftest.disk(paths.data).level == GOOD
    assert selftest.disk(paths.data / "gone").level == ALARM
    real = os.statvfs(paths.data)

    class Full:
        f_flag, f_frsize, f_blocks, f_bavail = real.f_flag, 4096, 100_000, 100

    monkeypatch.setattr(os, "statvfs", lambda _: Full)
    assert selftest.disk(paths.data).level == WARNING
    Full.f_flag = os.ST_RDONLY
    assert selftest.disk(paths.data).level == ALARM


@pytest.mark.parametrize(("reading", "level"), [("48200", GOOD), ("72000", WARNING), ("85000", ALARM), ("x", NOTE)])
def test_the_temperature(paths: Paths, reading: str, level: str) -> None:
    zone = paths.sys / "class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "temp").write_text(reading)
    assert selftest.temperature(paths).level == level


@pytest.mark.parametrize(("reading", "level"), [("0\n", GOOD), ("1\n", ALARM), (None, NOTE)])
def test_the_power(paths: Paths, reading: str | None, level: str) -> None:
    if reading is not None:
        sensor = paths.sys / "class/hwmon/hwmon1"
        sensor.mkdir(parents=True)
        (sensor / "in0_lcrit_alarm").write_text(reading)
    assert selftest.power(paths).level == level


def test_the_page_shows_them_with_the_worst_on_top(owner: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    good = Verdict("Pulse", GOOD, "every second")
    for worst, sentence in ((GOOD, "Every part does"), (WARNING, "wants to be looked at"), (ALARM, "does not work")):
        bad = replace(good, part="Disk", level=worst, advice="Write a new card.")
        monkeypatch.setattr(selftest, "verdicts", lambda _, bad=bad: [good, bad])
        page = owner.get("/system/test").text
        assert sentence in page and "Write a new card." in page and "every second" in page
