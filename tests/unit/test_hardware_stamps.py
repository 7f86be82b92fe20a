# SPDX-License-Identifier: MIT
"""Stamps of network interfaces: found, told in kernel time, and left alone when they cannot be true.

The kernel's answers are simulated at ioctl(2), byte for byte as in linux/ptp_clock.h and linux/ethtool.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.ntp.hardware import NicClock, NicTable
from stratum1.ntp.phc import EXTENDED, PLAIN, PRECISE, SIOCETHTOOL, HardwareClocks

NS = 1_000_000_000
KERNEL = 1_795_000_000 * NS
ALL_STAMPS = 0x5F
"""so_timestamping of a chip that can do everything."""


class Chip:
    """A network chip whose clock shows TAI and runs `rate` fast, read by some of the ways."""

    def __init__(self, ways: tuple[int, ...] = (PRECISE, EXTENDED, PLAIN), rate: float = 0.0) -> None:
        self.ways = ways
        self.rate = rate
        self.kernel = KERNEL
        self.stamping = ALL_STAMPS
        self.index = 0
        self.tried: list[int] = []

    def counter(self, kernel: int) -> int:
        return kernel + 37 * NS + round((kernel - KERNEL) * self.rate)

    @staticmethod
    def put(content: bytearray, at: int, ns: int) -> None:
        struct.pack_into("=qII", content, at, ns // NS, ns % NS, 0)

    def ioctl(self, fd: int, request: int, content: bytearray) -> None:
        if request == SIOCETHTOOL:
            name, pointer = struct.unpack_from("@16sP", content)
            if name.rstrip(b"\0") != b"eth0":
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")
            (command,) = struct.unpack("=I", ctypes.string_at(pointer, 4))
            assert command == 0x41
            ctypes.memmove(pointer, struct.pack("=IIiI", command, self.stamping, self.index, 3), 16)
            return
        self.tried.append(request)
        if request not in self.ways:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        if request == PRECISE:
            assert len(content) == 64
            self.put(content, 0, self.counter(self.kernel))
            self.put(content, 16, self.kernel)
            return
        (samples,) = struct.unpack_from("=I", content)
        # All but the third reading are disturbed: an interrupt between the counter's reading and the clock's.
        before = self.kernel
        for i in range(samples):
            after = before + 200 + (0 if i == 2 else 50_000)
            for place, ns in enumerate((before, self.counter(before + 100), after)):
                self.put(content, 16 + (48 if request == EXTENDED else 32) * i + 16 * place, ns)
            before = after


class Machine:
    def __init__(self, folder: Path, chip: Chip, speed: str = "1000") -> None:
        (folder / "dev").mkdir()
        (folder / "dev" / "ptp0").touch()
        (folder / "sys" / "class" / "net" / "eth0").mkdir(parents=True)
        (folder / "sys" / "class" / "net" / "eth0" / "speed").write_text(f"{speed}\n")
        self.chip = chip
        self.table = NicTable()
        self.said: list[str] = []
        self.clocks = HardwareClocks(self.table, folder / "dev", folder / "sys", self.said.append, chip.ioctl)
        self.clocks.look([(1, "lo"), (2, "eth0")], -1)

    def pass_time(self, seconds: float) -> None:
        self.chip.kernel += round(seconds * NS)
        self.clocks.refresh()

    def received(self, true: int, kernel: int, *, interface: int = 2, payload: int = 48, ipv6: bool = False) -> int:
        return self.table.received_ns(interface, self.chip.counter(true), kernel, payload=payload, ipv6=ipv6)


@pytest.mark.parametrize("ways", [(PRECISE,), (EXTENDED,), (PLAIN,)])
@pytest.mark.parametrize("rate", [0.0, 40e-6, -40e-6])
def test_a_stamp_of_the_interface_becomes_kernel_time(tmp_path: Path, ways: tuple[int, ...], rate: float) -> None:
    machine = Machine(tmp_path, Chip(ways, rate))
    for _ in range(3):
        machine.pass_time(1)
    true = machine.chip.kernel + 700_000_000
    # 94 octets from the first to the last at 1 Gbit/s are 752 ns; the kernel stamps 30 us later.
    assert abs(machine.received(true, true + 30_000) - (true + 752)) <= 3
    assert machine.said == []


def test_a_slower_cable_and_a_longer_header_take_longer(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip(), speed="100")
    true = machine.chip.kernel
    assert abs(machine.received(true, true + 30_000) - (true + 94 * 80)) <= 2
    assert abs(machine.received(true, true + 30_000, payload=68, ipv6=True) - (true + 134 * 80)) <= 2


@pytest.mark.parametrize("speed", ["-1", "unknown", ""])
def test_an_unknown_speed_adds_nothing(tmp_path: Path, speed: str) -> None:
    machine = Machine(tmp_path, Chip(), speed)
    true = machine.chip.kernel
    assert abs(machine.received(true, true + 30_000) - true) <= 2


def test_the_best_way_of_reading_is_found_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip((PLAIN,)))
    machine.pass_time(1)
    machine.pass_time(1)
    assert machine.chip.tried == [PRECISE, EXTENDED, PLAIN, PLAIN, PLAIN]


@pytest.mark.parametrize(
    ("counter_off_ns", "late_ns"), [(0, 60_000_000), (0, -5_000), (3 * NS, 30_000), (-3 * NS, 30_000)]
)
def test_what_does_not_fit_the_kernels_own_stamp_is_not_believed(
    tmp_path: Path, counter_off_ns: int, late_ns: int
) -> None:
    machine = Machine(tmp_path, Chip(), speed="-1")
    true = machine.chip.kernel
    counter = machine.chip.counter(true) + counter_off_ns
    assert machine.table.received_ns(2, counter, true + late_ns, payload=48, ipv6=False) == true + late_ns


def test_another_interface_keeps_the_kernels_stamp(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip())
    true = machine.chip.kernel
    assert machine.received(true, true + 30_000, interface=1) == true + 30_000


def test_a_table_that_nobody_renews_is_not_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip())
    true = machine.chip.kernel + 11 * NS
    assert machine.received(true, true + 30_000) == true + 30_000


def test_where_the_kernel_has_no_stamp_the_interfaces_is_taken(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip(), speed="-1")
    assert abs(machine.received(machine.chip.kernel, 0) - machine.chip.kernel) <= 2


def test_a_step_of_the_kernel_clock_does_not_become_a_rate(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip(), speed="-1")
    machine.pass_time(1)
    counter = machine.chip.counter
    machine.chip.counter = lambda kernel: counter(kernel) - 2 * NS  # type: ignore[method-assign]
    machine.pass_time(1)
    true = machine.chip.kernel + NS
    assert abs(machine.received(true, true + 30_000) - true) <= 2


def no_clock(chip: Chip) -> None:
    chip.index = -1


def no_receive_stamps(chip: Chip) -> None:
    chip.stamping &= ~(1 << 2)


def software_alone(chip: Chip) -> None:
    chip.stamping = 0x1A


@pytest.mark.parametrize("lack", [no_clock, no_receive_stamps, software_alone])
def test_an_interface_without_stamps_is_no_fault(tmp_path: Path, lack: Callable[[Chip], None]) -> None:
    chip = Chip()
    lack(chip)
    machine = Machine(tmp_path, chip)
    assert machine.said == [] and machine.chip.tried == []
    assert machine.received(KERNEL, KERNEL + 30_000) == KERNEL + 30_000


def test_a_clock_that_cannot_be_opened_or_read_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "unread").mkdir()
    unread = Machine(tmp_path / "unread", Chip(()))
    unread.pass_time(1)
    assert len(unread.said) == 1 and "cannot be read together with the kernel clock" in unread.said[0]
    assert unread.received(KERNEL, KERNEL + 30_000) == KERNEL + 30_000
    (tmp_path / "gone").mkdir()
    chip = Chip()
    chip.index = 7
    gone = Machine(tmp_path / "gone", chip)
    gone.clocks.look([(2, "eth0")], -1)
    assert len(gone.said) == 1 and "ptp7: No such file" in gone.said[0]


def test_an_interface_that_goes_takes_its_clock_along(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Chip())
    before = len(os.listdir("/proc/self/fd"))
    machine.clocks.look([(1, "lo")], -1)
    assert len(os.listdir("/proc/self/fd")) == before - 1
    true = machine.chip.kernel
    assert machine.received(true, true + 30_000) == true + 30_000
    machine.clocks.look([(1, "lo"), (2, "eth0")], -1)
    assert machine.received(true, true + 30_000) != true + 30_000


@given(
    st.integers(-(2**62), 2**62), st.integers(0, 2**62), st.integers(0, 65535), st.booleans(), st.floats(-1e-3, 1e-3)
)
def test_no_counter_makes_a_stamp_far_from_the_kernels(
    counter: int, kernel: int, payload: int, ipv6: bool, gain: float
) -> None:
    table = NicTable()
    table.publish([NicClock(2, 5 * NS, KERNEL, gain, 8.0)])
    said = table.received_ns(2, counter, kernel, payload=payload, ipv6=ipv6)
    assert kernel == 0 or -2_000 <= kernel - said <= 50_000_000


def test_more_interfaces_than_there_is_room_for_are_left_out() -> None:
    table = NicTable()
    table.publish([NicClock(index, 5 * NS, KERNEL) for index in range(1, 20)])
    assert table.received_ns(8, 5 * NS, KERNEL + 9, payload=48, ipv6=False) == KERNEL
    assert table.received_ns(9, 5 * NS, KERNEL + 9, payload=48, ipv6=False) == KERNEL + 9
