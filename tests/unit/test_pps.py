# SPDX-License-Identifier: MIT
"""Pulses: nothing is lost or doubled, and a device that goes says so."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.pps import Edge, Pulse, PulseError, device_name, devices, new_edges, open_source
from stratum1.pps.capture import Pairing, least_disturbed
from stratum1.pps.simulated import parse_record

SECOND = 1_000_000_000
sequences = st.integers(0, 2**32 - 1)
instants = st.integers(-(2**62), 2**62)


def record(assert_sequence: int, clear_sequence: int, assert_ns: int, clear_ns: int) -> bytes:
    return struct.pack("=IIqqq", assert_sequence, clear_sequence, assert_ns, clear_ns, 0)


@given(sequences, sequences, instants, instants)
def test_a_record_of_the_pulse_socket_is_the_pulse_that_was_sent(
    assert_sequence: int, clear_sequence: int, assert_ns: int, clear_ns: int
) -> None:
    pulse = parse_record(record(assert_sequence, clear_sequence, assert_ns, clear_ns))
    assert pulse == Pulse(assert_sequence, assert_ns, clear_sequence, clear_ns)


@given(st.integers(0, 2**32 - 1), st.integers(1, 1000))
def test_a_gap_of_the_sequence_is_counted_also_where_it_wraps(before: int, ahead: int) -> None:
    now = (before + ahead) % 2**32
    edges = new_edges(Pulse(before, 0, 0, 0), Pulse(now, SECOND, 0, 0))
    assert edges == [Edge(now, SECOND, False, ahead - 1)]


def test_a_count_that_goes_back_is_a_new_beginning_and_no_gap() -> None:
    assert new_edges(Pulse(1000, 0, 0, 0), Pulse(3, SECOND, 0, 0)) == [Edge(3, SECOND, False, 0)]


def test_what_did_not_change_is_no_edge() -> None:
    assert new_edges(Pulse(5, 7, 5, 8), Pulse(5, 7, 5, 8)) == []


def test_edges_come_in_the_order_in_which_they_happened() -> None:
    """The clear edge of the last pulse is fetched together with the assert edge of this one."""
    before = Pulse(5, 5 * SECOND, 4, 4 * SECOND + 100)
    now = Pulse(6, 6 * SECOND, 5, 5 * SECOND + 100)
    assert [(edge.clear, edge.stamp_ns) for edge in new_edges(before, now)] == [
        (True, 5 * SECOND + 100),
        (False, 6 * SECOND),
    ]


def test_the_first_pulse_of_a_stream_is_new_and_nothing_was_missed() -> None:
    edges = new_edges(None, Pulse(9, SECOND, 0, 0))
    assert edges == [Edge(9, SECOND, False, 0)]
    assert len(new_edges(None, Pulse(9, SECOND, 9, SECOND + 1))) == 2


@pytest.fixture
def hat(tmp_path: Path) -> Iterator[tuple[Path, socket.socket]]:
    path = tmp_path / "pulse"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        yield path, listener


def test_simulated_pulses_come_through_whole_however_they_are_cut(hat: tuple[Path, socket.socket]) -> None:
    path, listener = hat
    source = open_source(path)
    sender, _ = listener.accept()
    assert source.fetch() is None
    assert source.fileno() is not None
    stream = record(1, 1, SECOND, SECOND + 100) + record(2, 2, 2 * SECOND, 2 * SECOND + 100)
    got = []
    for at in range(0, len(stream), 5):
        sender.sendall(stream[at : at + 5])
        while (pulse := source.fetch()) is not None:
            got.append((pulse.assert_sequence, pulse.clear_ns, source.previous and source.previous.assert_sequence))
    assert got == [(1, SECOND + 100, None), (2, 2 * SECOND + 100, 1)]
    sender.close()
    with pytest.raises(PulseError, match="has gone"):
        source.fetch()
    source.close()


def test_a_source_that_is_not_there_says_which(tmp_path: Path) -> None:
    with pytest.raises(PulseError, match="pps7: no such device"):
        open_source(tmp_path / "pps7")


def test_a_socket_where_nobody_listens_says_so(tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    with pytest.raises(PulseError, match="nobody sends pulses there"):
        open_source(path)


def test_a_file_that_is_no_pps_device_says_so_and_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "pps0"
    path.write_bytes(b"")
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(PulseError, match="is no PPS device"):
            open_source(path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_devices_are_listed_by_their_number(tmp_path: Path) -> None:
    for name in ("pps10", "pps2", "ppsx", "pps", "tty0"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in devices(tmp_path)] == ["pps2", "pps10"]
    assert devices(tmp_path / "none") == []


def test_a_device_is_known_by_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "class" / "pps" / "pps1"
    folder.mkdir(parents=True)
    (folder / "name").write_text("pps@12.-1\n")
    assert device_name(tmp_path, "/dev/pps1") == "GPIO18 (pps1)"
    assert device_name(tmp_path, "/dev/pps2") == "pps2"


@given(
    st.integers(-(2**60), 2**60),
    st.integers(-(2**60), 2**60),
    st.floats(-500e-6, 500e-6),
    st.integers(0, SECOND),
)
def test_a_counter_of_any_scale_and_rate_tells_kernel_time(
    counter: int, kernel: int, rate: float, late_ns: int
) -> None:
    """Read together at 0 s and at 1 s; the edge came `late_ns` before the second reading."""
    pairing = Pairing(counter, kernel)
    pairing.add(counter + SECOND, kernel + SECOND + round(SECOND * rate))
    edge = pairing.kernel_ns(counter + SECOND - late_ns)
    assert abs(edge - (kernel + SECOND - late_ns + round((SECOND - late_ns) * rate))) <= 1


def test_a_step_of_the_kernel_clock_between_two_readings_is_no_rate() -> None:
    pairing = Pairing(0, 0)
    pairing.add(SECOND, SECOND + 250_000_000)
    assert pairing.kernel_ns(SECOND - 3_000_000) == SECOND + 250_000_000 - 3_000_000


def test_the_least_disturbed_reading_counts() -> None:
    assert least_disturbed([(0, 7, 900), (1000, 8, 1100), (2000, 9, 2900)]) == (8, 1050)
