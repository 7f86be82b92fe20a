# SPDX-License-Identifier: MIT
"""Steering through the real clock_adjtime call, of a machine in simulated time: no real clock is touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import simulated_machine as machine

STA_INS, STA_DEL, STA_UNSYNC = 0x10, 0x20, 0x40


def steer(folder: Path, script: str, **settings: float) -> Any:
    head = "import json\nfrom stratum1 import clock\nc = clock.KernelClock()\n"
    outcome = machine.run(folder, ["-c", head + script], **settings)
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out) if outcome.out else outcome.seconds


def test_a_frequency_is_taken_in_the_kernels_steps_and_told_back(tmp_path: Path) -> None:
    wanted = 1.23456789e-5
    got, kept = steer(tmp_path, f"print(json.dumps([c.adjust({wanted}), c.frequency()]))")
    assert got == kept
    assert got != wanted
    assert abs(got - wanted) <= 0.5 / 65536e6
    assert (got * 65536e6).is_integer()


def test_a_positive_frequency_makes_the_clock_run_faster(tmp_path: Path) -> None:
    seconds = steer(tmp_path, "c.adjust(10e-6)\nfor _ in range(20): c.wait([], [], 500_000_000)")
    gained = seconds[-1].kernel_minus_true_ns - seconds[0].kernel_minus_true_ns
    assert abs(gained - 10_000 * (seconds[-1].number - seconds[0].number)) < 10


def test_no_more_than_the_kernel_takes(tmp_path: Path) -> None:
    assert steer(tmp_path, "print(json.dumps([c.adjust(0.1), c.adjust(-0.1)]))") == [500e-6, -500e-6]


def test_steps_of_either_sign_are_exact(tmp_path: Path) -> None:
    for step in (1, -1, 250_000_000, -1_750_000_003):
        before, after = steer(tmp_path, f"a = c.read()\nc.step({step})\nprint(json.dumps([a, c.read()]))")
        assert after[0] - before[0] == step
        assert after[1] == before[1]


def test_the_kernels_own_flag_tells_the_truth(tmp_path: Path) -> None:
    script = """
for synchronised, leap in ((False, 0), (True, 0), (True, 1), (True, -1), (False, 1)):
    c.tell(synchronised, 1500, 200, leap, 37)
    c.wait([], [], 1_000_000_000)
"""
    seconds = steer(tmp_path, script)
    assert [second.status for second in seconds] == [STA_UNSYNC, 0, STA_INS, STA_DEL, STA_UNSYNC]
    assert {second.tai for second in seconds} == {37}


def test_taking_over_keeps_the_rate_that_another_program_left(tmp_path: Path) -> None:
    """Half of it in the tick length, which is put back to nominal: the sum counts."""
    rate = steer(tmp_path, "print(json.dumps(c.frequency()))", found_ppm=-12.5, tick=1)
    assert abs(rate - (100e-6 - 12.5e-6)) < 1e-10
    seconds = steer(tmp_path, "c.wait([], [], 3_000_000_000)", found_ppm=-12.5, tick=1)
    assert abs(seconds[-1].rate - rate) < 1e-10


def test_without_the_right_one_line_says_what_to_do(tmp_path: Path) -> None:
    outcome = machine.run(tmp_path, ["-c", "from stratum1 import clock; clock.KernelClock()"], no_rights=1)
    assert "CAP_SYS_TIME" in outcome.err.splitlines()[-1]
    assert "timekeeper.steer = none" in outcome.err.splitlines()[-1]


def test_another_program_that_changes_the_rate_is_noticed(tmp_path: Path) -> None:
    script = """
other = clock.KernelClock()
c.adjust(1e-6)
alone = c.tell(True, 0, 0)
other.adjust(-5e-6)
print(json.dumps([alone, c.tell(True, 0, 0), c.frequency()]))
"""
    alone, disturbed, rate = steer(tmp_path, script)
    assert alone is True
    assert disturbed is False
    assert abs(rate + 5e-6) < 1e-10
