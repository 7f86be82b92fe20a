# SPDX-License-Identifier: MIT
"""Receivers are found on whichever lines they are, at any speed, and the next time by what is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_receiver_prepare import Line

from stratum1.receiver import memory
from stratum1.receiver.hunt import LISTEN_S, hunt
from stratum1.receiver.memory import Found, Memory
from stratum1.receiver.serial_port import BAUDS
from stratum1.simulator.dialect import PlainNmea
from stratum1.simulator.ublox_module import M10, Ublox

HEADER, SECOND, USB = Path("/dev/ttyAMA0"), Path("/dev/ttyS0"), Path("/dev/ttyUSB0")


class Bench:
    """Lines that share one simulated time: a wait on one is a wait on all."""

    def __init__(self, **lines: tuple[object, int] | None) -> None:
        self.lines = {
            Path("/dev") / name: Line(what[0] if what else None, what[1] if what else 9600)  # type: ignore[arg-type]
            for name, what in lines.items()
        }
        self.tuned: dict[Path, list[int]] = {path: [] for path in self.lines}
        for path, line in self.lines.items():
            line.set_baud = lambda baud, line=line, path=path: self._tune(path, line, baud)  # type: ignore[method-assign,misc]
            line.read = lambda seconds, line=line, read=line.read: self._read(line, read, seconds)  # type: ignore[method-assign,misc]
        self.start = self.now = 1000.3

    def _tune(self, path: Path, line: Line, baud: int) -> None:
        self.tuned[path].append(baud)
        line.baud = baud

    def _read(self, line: Line, read: object, seconds: float) -> bytes:
        line.now = self.now
        data: bytes = read(seconds)  # type: ignore[operator]
        self.now = line.now
        for other in self.lines.values():
            other.now = max(other.now, self.now)
        return data

    def hunt(self, remembered: Memory = Memory()) -> dict[str, int]:  # noqa: B008
        found = hunt(self.lines, remembered, clock=lambda: self.now)  # type: ignore[arg-type]
        return {path.name: baud for path, baud in found.items()}

    @property
    def took(self) -> float:
        return self.now - self.start


def test_the_receiver_is_found_on_the_second_line_when_the_first_is_silent() -> None:
    bench = Bench(ttyAMA0=None, ttyS0=(PlainNmea(), 4800))
    assert bench.hunt() == {"ttyS0": 4800}


@pytest.mark.parametrize("baud", BAUDS)
def test_a_whole_search_over_four_lines_takes_no_longer_than_over_one(baud: int) -> None:
    bench = Bench(ttyAMA0=None, ttyS0=None, ttyACM0=None, ttyAMA1=(PlainNmea(), baud))
    assert bench.hunt() == {"ttyAMA1": baud}
    assert bench.took <= len(BAUDS) * (LISTEN_S + 1.0)


def test_two_receivers_are_both_found() -> None:
    bench = Bench(ttyAMA0=(Ublox(M10), 38400), ttyUSB0=(PlainNmea(), 9600))
    assert bench.hunt() == {"ttyAMA0": 38400, "ttyUSB0": 9600}


def test_the_hat_is_not_kept_waiting_by_a_usb_device_that_is_no_receiver() -> None:
    bench = Bench(ttyAMA0=(PlainNmea(), 9600), ttyUSB0=None)
    assert bench.hunt() == {"ttyAMA0": 9600}
    assert bench.tuned[USB] == [9600]


def test_what_is_remembered_is_tried_first_and_is_enough() -> None:
    bench = Bench(ttyAMA0=(PlainNmea(), 230400), ttyS0=None)
    remembered = Memory((Found(str(HEADER), 230400),), (str(SECOND),))
    assert bench.hunt(remembered) == {"ttyAMA0": 230400}
    assert bench.tuned == {HEADER: [230400], SECOND: []}
    assert bench.took <= LISTEN_S


@pytest.mark.parametrize(
    "remembered",
    [
        Memory((Found(str(HEADER), 115200),), ()),
        Memory((Found(str(SECOND), 9600),), (str(HEADER),)),
        Memory((Found("/dev/ttyUSB9", 9600),), ()),
    ],
)
def test_what_is_remembered_wrong_is_found_anew(remembered: Memory) -> None:
    bench = Bench(ttyAMA0=(PlainNmea(), 38400), ttyS0=None)
    assert bench.hunt(remembered) == {"ttyAMA0": 38400}


def test_a_new_device_is_looked_at_too() -> None:
    bench = Bench(ttyAMA0=(PlainNmea(), 9600), ttyS0=(PlainNmea(), 4800))
    assert bench.hunt(Memory((Found(str(HEADER), 9600),), ())) == {"ttyAMA0": 9600, "ttyS0": 4800}


def test_a_line_that_breaks_is_left_and_the_others_go_on() -> None:
    bench = Bench(ttyAMA0=None, ttyS0=(PlainNmea(), 9600))

    def gone(seconds: float) -> bytes:
        raise OSError("the device has gone")

    bench.lines[HEADER].read = gone  # type: ignore[method-assign]
    assert bench.hunt() == {"ttyS0": 9600}


# The file


def test_what_is_saved_is_loaded_and_only_written_when_it_is_news(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "receiver.json"
    known = Memory((Found("/dev/ttyAMA0", 38400, "u-blox M10"), Found("/dev/ttyACM0", 9600)), ("/dev/ttyS0",))
    memory.save(path, known)
    assert memory.load(path) == known
    before = path.stat().st_mtime_ns, path.stat().st_ino
    memory.save(path, known)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    memory.save(path, Memory())
    assert memory.load(path) == Memory()
    assert [entry.name for entry in path.parent.iterdir()] == ["receiver.json"]


def test_no_file_is_no_memory(tmp_path: Path) -> None:
    assert memory.load(tmp_path / "none") == Memory()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=300) | json_values.map(lambda value: json.dumps({"format": 1, "found": value}).encode()))
def test_no_content_of_the_file_makes_it_raise(text: bytes) -> None:
    assert isinstance(memory.parse(text), Memory)
