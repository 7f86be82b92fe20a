# SPDX-License-Identifier: MIT
"""The real PPS calls of <linux/pps.h>, against a device in simulated time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import simulated_machine as machine

SECOND = 1_000_000_000
ASSERT, CLEAR, TSPEC, CANWAIT, OFFSETASSERT = 1, 2, 0x1000, 0x100, 0x10

WATCH = """
import json, sys
from stratum1 import clock, pps
clock.wait([], [], 2_500_000_000)
opened, _ = clock.read()
try:
    source = pps.open_source("/dev/pps0")
except pps.PulseError as gone:
    print(json.dumps(str(gone)))
    sys.exit()
seen = []
for _ in range(40):
    pulse = source.fetch()
    if pulse is not None:
        seen += pps.new_edges(source.previous, pulse)
    clock.wait([], [], 250_000_000)
print(json.dumps([source.captures_clear, seen, opened]))
"""


def watch(folder: Path, **settings: float) -> object:
    return json.loads(machine.run(folder, ["-c", WATCH], **settings).out)


def test_every_pulse_of_a_device_is_seen_once_with_its_stamp(tmp_path: Path) -> None:
    captures_clear, edges, _ = watch(tmp_path)  # type: ignore[misc]
    assert captures_clear is False
    assert [edge[0] for edge in edges] == list(range(edges[0][0], edges[0][0] + len(edges)))
    assert len(edges) >= 9
    assert all(stamp % SECOND == 0 and not clear and missed == 0 for _, stamp, clear, missed in edges)


def test_a_driver_that_takes_one_mode_alone_is_not_asked_for_another(tmp_path: Path) -> None:
    """Capabilities with a flag that must not be set: setting them all would be refused."""
    captures_clear, edges, _ = watch(tmp_path, pps_caps=ASSERT | TSPEC, pps_mode=0)  # type: ignore[misc]
    assert not captures_clear
    assert len(edges) >= 9


def test_an_edge_from_before_it_was_opened_is_not_given(tmp_path: Path) -> None:
    _, edges, opened = watch(tmp_path)  # type: ignore[misc]
    assert edges[0][1] > opened


def test_a_device_that_is_as_wanted_is_not_set(tmp_path: Path) -> None:
    """Setting needs a right that reading does not; the machine aborts on it."""
    _, edges, _ = watch(tmp_path, pps_fixed=1, pps_mode=ASSERT | OFFSETASSERT | TSPEC)  # type: ignore[misc]
    assert len(edges) >= 9


def test_an_offset_that_another_program_left_is_taken_off(tmp_path: Path) -> None:
    _, edges, _ = watch(  # type: ignore[misc]
        tmp_path, pps_caps=ASSERT | OFFSETASSERT | TSPEC, pps_mode=ASSERT | OFFSETASSERT | TSPEC, pps_offset_ns=7000
    )
    assert {stamp % SECOND for _, stamp, _, _ in edges} == {0}
    assert "another program" in str(
        watch(tmp_path, pps_mode=ASSERT | OFFSETASSERT | TSPEC, pps_offset_ns=7000, no_rights=1)
    )


def test_both_edges_are_captured_where_the_device_can(tmp_path: Path) -> None:
    captures_clear, edges, _ = watch(tmp_path, pps_caps=ASSERT | CLEAR | TSPEC | CANWAIT, pps_mode=ASSERT)  # type: ignore[misc]
    assert captures_clear
    assert {stamp % SECOND for _, stamp, clear, _ in edges if clear} == {100_000_000}
    stamps = [stamp for _, stamp, _, _ in edges]
    assert stamps == sorted(stamps)


def test_without_the_right_to_set_it_up_a_device_is_used_as_it_is(tmp_path: Path) -> None:
    captures_clear, edges, _ = watch(tmp_path, pps_caps=ASSERT | CLEAR | TSPEC, pps_mode=ASSERT, no_rights=1)  # type: ignore[misc]
    assert not captures_clear
    assert len(edges) >= 9


def test_a_device_that_captures_nothing_and_cannot_be_set_up_is_refused(tmp_path: Path) -> None:
    assert "CAP_SYS_TIME" in str(watch(tmp_path, pps_caps=ASSERT | TSPEC, pps_mode=0, no_rights=1))


def test_a_line_without_assert_edges_is_refused(tmp_path: Path) -> None:
    assert "no assert edges" in str(watch(tmp_path, pps_caps=CLEAR | TSPEC, pps_mode=CLEAR))


CAPTURE = """
import json, sys
from stratum1 import clock, pps
try:
    source = pps.open_source("/dev/ptp0")
except pps.PulseError as gone:
    print(json.dumps(str(gone)))
    sys.exit()
seen = []
for _ in range(20):
    clock.wait([source.fileno()], [], 1_000_000_000)
    while (pulse := source.fetch()) is not None:
        seen += [(edge.stamp_ns, edge.missed) for edge in pps.new_edges(source.previous, pulse)]
source.close()
print(json.dumps(seen))
"""


@pytest.mark.parametrize("ways", [1, 2, 4, 6])
def test_a_capture_input_gives_kernel_time_whichever_way_both_clocks_are_read(tmp_path: Path, ways: int) -> None:
    outcome = machine.run(tmp_path, ["-c", CAPTURE], ptp_ways=ways, counter_ppm=30, frequency_ppm=-20)
    seen = json.loads(outcome.out)
    assert len(seen) >= 15
    truth = {second.number: second.kernel_minus_true_ns for second in outcome.seconds}
    for stamp, missed in seen:
        # The machine starts at a whole second; its clock is off by less than a millisecond.
        number = round(stamp / SECOND) - 1_900_000_000
        assert abs(stamp - (1_900_000_000 + number) * SECOND - truth[number]) <= 2
        assert missed == 0


def test_a_clock_without_a_capture_input_says_so(tmp_path: Path) -> None:
    assert "no capture input" in machine.run(tmp_path, ["-c", CAPTURE], ptp_inputs=0).out


def test_a_clock_that_cannot_be_read_together_with_the_kernels_says_so(tmp_path: Path) -> None:
    assert "cannot be read together" in machine.run(tmp_path, ["-c", CAPTURE], ptp_ways=0).out
