# SPDX-License-Identifier: MIT
"""The supervisor's part: `apply` is started when something has changed, once at a time, and again when it failed."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.settings.network import Network
from stratum1.supervisor import network_keeper
from stratum1.supervisor.network_keeper import FIRST_RETRY_S, LAST_RETRY_S, LONGEST_S, NetworkKeeper


class Job:
    """Stands in for the process; `ends()` with a status and what it said."""

    started: list[Job]

    def __init__(self, argv: tuple[str, ...], **_: object) -> None:
        assert argv[-2:] == ("network", "apply")
        self.returncode: int | None = None
        self.stderr = io.BytesIO()
        self.killed = False
        self.started.append(self)

    def poll(self) -> int | None:
        return self.returncode

    def kill(self) -> None:
        self.killed = True

    def ends(self, status: int = 0, said: str = "") -> None:
        self.stderr = io.BytesIO(said.encode())
        self.returncode = status


class Bench:
    def __init__(self, folder: Path) -> None:
        self.paths = Paths(root=folder, run=folder / "run" / "stratum1", data=folder / "data")
        for place in (self.paths.run, self.paths.data):
            place.mkdir(parents=True)
        self.said: list[str] = []
        self.keeper = NetworkKeeper(self.paths, self.said.append)
        self.now = 1000.0
        self.broken = False

    def turn(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.keeper.turn(self.now, load(self.paths.settings).settings, self.broken)

    def set(self, network: Network) -> None:
        save(self.paths.settings, replace(load(self.paths.settings).settings, network=network))

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.paths.network_status.read_bytes())
        return found


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    Job.started = []
    monkeypatch.setattr(network_keeper.subprocess, "Popen", Job)
    return Job.started


@pytest.fixture
def bench(tmp_path: Path, jobs: list[Job]) -> Bench:
    """A box whose network is set up."""
    found = Bench(tmp_path)
    found.turn()
    jobs[0].ends()
    found.turn()
    assert len(jobs) == 1 and found.status == {"trial": None, "trial_s": 60.0, "said": "", "busy": False, "problem": ""}
    return found


def test_nothing_is_done_while_nothing_changes(bench: Bench, jobs: list[Job]) -> None:
    for _ in range(100):
        bench.turn()
    assert len(jobs) == 1


def test_changes_in_a_row_are_done_one_after_the_other(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(vlan=3))
    bench.turn()
    bench.set(Network(vlan=4))
    bench.turn()
    assert len(jobs) == 2 and bench.status["busy"]
    jobs[1].ends()
    bench.turn()
    assert len(jobs) == 3, "the second change came while the first was under way"


def test_a_new_name_is_taken_over_without_a_trial(bench: Bench, jobs: list[Job]) -> None:
    save(bench.paths.settings, Settings().changed("system.name", "clock"))
    bench.turn()
    assert len(jobs) == 2 and bench.status["trial"] is None


def test_a_device_that_comes_later_is_set_up(bench: Bench, jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_keeper.socket, "if_nameindex", lambda: [(1, "lo"), (7, "wlan0")])
    bench.turn()
    assert len(jobs) == 2


def test_what_failed_is_told_and_tried_again(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(vlan=3))
    bench.turn()
    jobs[1].ends(1, "network: no device eth0\n")
    bench.turn()
    assert bench.status["problem"] == "no device eth0" and "network: no device eth0" in bench.said
    bench.turn(FIRST_RETRY_S + 1)
    assert len(jobs) == 3
    jobs[2].ends()
    bench.turn()
    assert bench.status["problem"] == ""


def test_what_fails_for_ever_is_told_once_and_tried_ever_more_seldom(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(wifi_ssid="home"))
    tried: list[float] = []
    for _ in range(8 * 360):
        bench.turn(10)
        if len(jobs) > len(tried) + 1:
            tried.append(bench.now)
            jobs[-1].ends(1, "network: no device wlan0\n")
    waits = [b - a for a, b in itertools.pairwise(tried[2:])]  # the first two are the trial and its end
    assert waits == sorted(waits) and waits[-1] >= LAST_RETRY_S
    assert bench.said.count("network: no device wlan0") == 1


def test_one_that_hangs_is_ended(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(vlan=3))
    bench.turn()
    bench.turn(LONGEST_S - 1)
    assert not jobs[1].killed
    bench.turn(2)
    assert jobs[1].killed


def test_a_settings_file_that_cannot_be_read_changes_no_network(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(vlan=3))
    bench.broken = True
    bench.turn()
    assert len(jobs) == 1 and bench.status["trial"] is None


def test_orders_count_for_the_trial_that_they_name(bench: Bench, jobs: list[Job]) -> None:
    bench.set(Network(vlan=3))
    bench.turn()
    mark = bench.status["trial"]["mark"]
    assert not bench.keeper.order("reboot")
    assert bench.keeper.order("network-keep other") and "comes too late" in bench.said[-1]
    assert bench.keeper.order(f"network-keep {mark}")
    bench.turn()
    assert bench.status["trial"] is None and load(bench.paths.settings).settings.network.vlan == 3
    bench.set(Network(vlan=4))
    bench.turn()
    assert bench.keeper.order(f"network-back {bench.status['trial']['mark']}")
    bench.turn()
    assert load(bench.paths.settings).settings.network.vlan == 3


def test_what_shows_it_goes_with_the_supervisor(bench: Bench) -> None:
    bench.keeper.close()
    assert not bench.paths.network_status.exists()
