# SPDX-License-Identifier: MIT
"""The timekeeper as a process on this machine, whose clock it only reads: signals, settings, missing things."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stratum1.tracking import Reason, Snapshot, State, TrackingReader

DEADLINE_S = 20


class Running:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None
        (folder / "data").mkdir()

    def settings(self, pulse: str, steer: str = "none") -> None:
        (self.folder / "data" / "stratum1.toml").write_text(
            f'[pulse]\ndevice = "{self.folder}/{pulse}"\n[timekeeper]\nlabels = "system"\nsteer = "{steer}"\n'
        )

    def start(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stratum1", "timekeeper"],
            env={
                **os.environ,
                "STRATUM1_ROOT": str(self.folder),
                "STRATUM1_RUN": str(self.folder / "run"),
                "STRATUM1_DATA": str(self.folder / "data"),
                **environment,
            },
            stderr=subprocess.PIPE,
            text=True,
        )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def page(self, good: Callable[[Snapshot], bool]) -> Snapshot:
        """The first page that is `good`; fails when none comes in time."""
        reader = TrackingReader(self.folder / "run" / "tracking")
        end = time.monotonic() + DEADLINE_S
        page = None
        while time.monotonic() < end:
            page = reader.read()
            if page is not None and good(page):
                return page
            time.sleep(0.02)
        raise AssertionError(f"no such page; the last is {page}")

    def ended(self) -> tuple[int, str]:
        assert self.process is not None
        _, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, err


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.kill()
        running.process.communicate()


def test_without_hardware_it_runs_and_says_why(running: Running) -> None:
    running.settings("pps0")
    running.start()
    page = running.page(lambda page: page.reason == Reason.NO_PULSE_DEVICE)
    assert page.state == State.ACQUIRING
    assert page.stratum == 0
    assert "pps0: no such device" in page.detail


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(running: Running, number: int) -> None:
    running.settings("pps0")
    running.start()
    running.page(lambda page: page.reason == Reason.NO_PULSE_DEVICE)
    running.signal(number)
    status, err = running.ended()
    assert status == 0
    assert "Traceback" not in err


def test_new_settings_are_taken_over_in_place(running: Running) -> None:
    running.settings("pps0")
    running.start()
    before = running.page(lambda page: "pps0" in page.detail)
    running.settings("pps5")
    running.signal(signal.SIGHUP)
    after = running.page(lambda page: "pps5" in page.detail)
    assert before.state_since_ns == after.state_since_ns


def test_bad_settings_are_told_and_the_good_ones_stay(running: Running) -> None:
    running.settings("pps0")
    running.start()
    running.page(lambda page: "pps0" in page.detail)
    (running.folder / "data" / "stratum1.toml").write_text("[pulse]\ndevise = 7\n")
    running.signal(signal.SIGHUP)
    time.sleep(0.1)
    running.page(lambda page: "pps0" in page.detail)
    running.signal(signal.SIGTERM)
    status, err = running.ended()
    assert status == 0
    assert "pulse.devise: unknown key" in err
    assert "last good settings" in err


def test_another_way_of_steering_needs_a_new_start(running: Running) -> None:
    running.settings("pps0")
    running.start()
    running.page(lambda page: "pps0" in page.detail)
    running.settings("pps0", steer="kernel")
    running.signal(signal.SIGHUP)
    assert running.ended()[0] == 0


def test_a_run_folder_that_cannot_be_written_is_one_clear_line(running: Running) -> None:
    running.settings("pps0")
    (running.folder / "run").write_text("in the way")
    running.start()
    status, err = running.ended()
    assert status == 2
    assert err.count("\n") == 1
    assert "STRATUM1_RUN" in err
