# SPDX-License-Identifier: MIT
"""What the processes say can be read for a while, and never fills the run folder."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from stratum1 import orders
from stratum1.ntp.keyfile import add_key
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.supervisor import log as logs
from stratum1.supervisor.log import Log
from stratum1.supervisor.supervisor import Supervisor


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(root=tmp_path, run=tmp_path, data=tmp_path)


def test_a_line_carries_when_it_was_said(tmp_path: Path) -> None:
    Log(tmp_path / "log").write("web: hello")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ web: hello\n", (tmp_path / "log").read_text())


def test_two_parts_are_kept_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST", 1000)
    log = Log(tmp_path / "log")
    for number in range(200):
        log.write(f"web: line {number:03d}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log", "log.1"]
    kept = (tmp_path / "log.1").read_text() + (tmp_path / "log").read_text()
    numbers = [int(each) for each in re.findall(r"line (\d+)", kept)]
    assert numbers == list(range(numbers[0], 200)) and len(kept) <= 2000


def test_it_is_never_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "log").symlink_to(victim)
    Log(tmp_path / "log").write("web: hello")
    assert victim.read_text() == "mine"


def test_a_disk_that_is_full_stops_nothing(tmp_path: Path) -> None:
    Log(tmp_path / "nowhere" / "log").write("web: hello")


def test_what_a_child_says_is_there_to_be_read(paths: Paths) -> None:
    one = Supervisor(paths)
    one.children[3]._say("web: hello")
    assert "web: hello\n" in paths.log.read_text()


def test_new_keys_reach_the_responder_and_nobody_else(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Supervisor(paths)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    for number, child in enumerate(one.children, 1):
        child.pid = number
    one._check_keys()
    assert told == []
    add_key(paths.ntp_keys)
    one._check_keys()
    one._check_keys()
    assert told == [(one._responder.pid, signal.SIGHUP)] and one._responder.name == "responder"


def test_a_factory_reset_leaves_nothing_of_the_owner(paths: Paths) -> None:
    save(paths.settings, Settings().changed("system.name", "clock"))
    made = (paths.ntp_keys, paths.api_tokens, paths.tls_certificate, paths.web_password, paths.web_secret)
    for each in (*made, paths.preset_taken, paths.stored_drift):
        each.write_text("x")
    orders.factory_reset(paths)
    assert load(paths.settings).settings == Settings()
    assert not any(each.exists() for each in (*made, paths.preset_taken))
    assert paths.stored_drift.exists(), "the crystal is the box's own"
