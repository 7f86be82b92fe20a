# SPDX-License-Identifier: MIT
"""`stratum1 timekeeper` as an ordinary process, unmodified, in a machine of simulated time.

It opens /dev/pps0, steers by clock_adjtime and labels by the system clock; the machine knows the truth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import simulated_machine as machine

from stratum1.tracking import Reason, State, TrackingReader

STA_UNSYNC = 0x40
NOISE_NS = 1000

SETTINGS = """
version = 1
[pulse]
device = "/dev/pps0"
[timekeeper]
labels = "system"
steer = "kernel"
"""


def rms(values: Sequence[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


@pytest.mark.parametrize(("offset_ms", "ppm"), [(2, -15), (-300, 40), (0, 0)])
def test_the_clock_ends_at_the_pulse_and_stays_there(tmp_path: Path, offset_ms: int, ppm: int) -> None:
    outcome = machine.timekeeper(
        tmp_path, SETTINGS, offset_ns=offset_ms * 1_000_000, frequency_ppm=ppm, noise_ns=NOISE_NS, end_s=6000
    )
    assert outcome.status == 0, outcome.err
    late = [second.kernel_minus_true_ns for second in outcome.seconds[-1000:]]
    assert rms(late) < NOISE_NS / 2
    assert max(map(abs, late)) < 2 * NOISE_NS
    assert all(second.status == 0 for second in outcome.seconds[-1000:])


def test_hardware_capture_is_another_source_of_pulses(tmp_path: Path) -> None:
    outcome = machine.timekeeper(
        tmp_path,
        SETTINGS.replace("/dev/pps0", "/dev/ptp0"),
        offset_ns=3_000_000,
        frequency_ppm=-15,
        noise_ns=NOISE_NS,
        capture_ns=20,
        ptp_ways=2,
        end_s=3000,
    )
    assert outcome.status == 0, outcome.err
    assert rms([second.kernel_minus_true_ns for second in outcome.seconds[-1000:]]) < 20


def test_the_kernels_flag_says_unsynchronised_until_the_lock(tmp_path: Path) -> None:
    outcome = machine.timekeeper(tmp_path, SETTINGS, noise_ns=NOISE_NS, end_s=60)
    flags = [bool(second.status & STA_UNSYNC) for second in outcome.seconds]
    assert flags[0]
    assert flags == sorted(flags, reverse=True)
    assert not flags[-1]


def test_the_last_page_and_the_drift_are_what_was_learned(tmp_path: Path) -> None:
    machine.timekeeper(tmp_path, SETTINGS, frequency_ppm=-15, noise_ns=NOISE_NS, end_s=900)
    page = TrackingReader(tmp_path / "run" / "tracking").read()
    assert page is not None
    assert (page.state, page.stratum, page.refid) == (State.LOCKED, 1, b"PPS\0")
    assert page.pulse_device == "pps0, 1.000000 Hz"
    assert abs(page.frequency + 15e-6) < 20e-9
    assert abs(page.steering - 15e-6) < 100e-9
    drift = json.loads((tmp_path / "data" / "drift.json").read_text())
    assert drift["frequency"] == pytest.approx(page.frequency, abs=1e-9)


def test_a_damaged_drift_file_is_said_and_survived(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for damage in ('{"frequency": "fast"}', "[1, 2]", "{", '{"frequency": 1e300}', "\x00" * 10000):
        (tmp_path / "data" / "drift.json").write_text(damage)
        outcome = machine.timekeeper(tmp_path, SETTINGS, end_s=30)
        assert outcome.status == 0
        assert "drift.json" in outcome.err
        assert "learned anew" in outcome.err


def test_pulses_that_stop_are_holdover_and_their_return_is_lock(tmp_path: Path) -> None:
    held = machine.timekeeper(tmp_path, SETTINGS, noise_ns=NOISE_NS, end_s=700, silent_from_s=600, silent_to_s=9999)
    page = TrackingReader(tmp_path / "run" / "tracking").read()
    assert page is not None
    assert (page.state, page.reason, page.stratum) == (State.HOLDOVER, Reason.PULSE_LOST, 1)
    assert abs(held.seconds[-1].kernel_minus_true_ns) < page.bound_ns

    machine.timekeeper(tmp_path, SETTINGS, noise_ns=NOISE_NS, end_s=900, silent_from_s=600, silent_to_s=700)
    page = TrackingReader(tmp_path / "run" / "tracking").read()
    assert page is not None
    assert page.state == State.LOCKED


def test_a_clock_stepped_by_someone_else_ends_the_claim(tmp_path: Path) -> None:
    outcome = machine.timekeeper(tmp_path, SETTINGS, noise_ns=NOISE_NS, end_s=310, foreign_step_at_s=300)
    after = [second for second in outcome.seconds if second.number > 302]
    assert any(second.status & STA_UNSYNC for second in after)


def test_left_alone_the_clock_is_not_touched_and_the_page_has_the_correction(tmp_path: Path) -> None:
    settings = SETTINGS.replace('steer = "kernel"', 'steer = "none"')
    outcome = machine.timekeeper(
        tmp_path, settings, offset_ns=2_000_000, frequency_ppm=20, noise_ns=NOISE_NS, end_s=600, no_rights=1
    )
    assert outcome.status == 0, outcome.err
    assert {second.rate for second in outcome.seconds} == {0.0}
    page = TrackingReader(tmp_path / "run" / "tracking").read()
    assert page is not None
    assert page.state == State.LOCKED
    last = outcome.seconds[-1]
    # The page is of the last pulse, at most a second before the end; the clock gains 20 us in each.
    assert abs(page.correction_ns + last.kernel_minus_true_ns) < 20_000 + 2 * NOISE_NS


def test_without_the_right_to_steer_one_line_says_what_to_do(tmp_path: Path) -> None:
    outcome = machine.timekeeper(tmp_path, SETTINGS, no_rights=1)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "CAP_SYS_TIME" in outcome.err


def test_no_pulse_device_is_a_state_with_its_reason(tmp_path: Path) -> None:
    settings = SETTINGS.replace("/dev/pps0", "/dev/pps9")
    outcome = machine.timekeeper(tmp_path, settings, end_s=20)
    assert outcome.status == 0
    assert outcome.err == "timekeeper: /dev/pps9: no such device\n"
    page = TrackingReader(tmp_path / "run" / "tracking").read()
    assert page is not None
    assert (page.state, page.reason) == (State.ACQUIRING, Reason.NO_PULSE_DEVICE)
    assert page.detail == "/dev/pps9: no such device"
    assert all(second.status & STA_UNSYNC for second in outcome.seconds)


def test_options_are_refused_in_one_go(tmp_path: Path) -> None:
    outcome = machine.run(tmp_path, ["-m", "stratum1", "timekeeper", "--fast"])
    assert outcome.status == 2
    assert "usage: stratum1 timekeeper" in outcome.err
