# SPDX-License-Identifier: MIT
"""`stratum1 receiver DEVICE .. -- PROGRAM ..` sets the receiver up over a real line and becomes the program, always."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from receiver_line import DEADLINE_S, Line
from running_hat import RunningHat

from stratum1.receiver import memory
from stratum1.receiver.serial_port import SerialPort


def receiver(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stratum1", "receiver", *arguments],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("ublox8", "u-blox M8 at 9600 baud; set up: stationary, full power, pulse on the UTC second"),
        ("ublox10", "u-blox M10 at 9600 baud; set up: stationary, full power, pulse on the UTC second"),
        ("mtk", "MediaTek MT3339 (PA6H) at 9600 baud; set up: sentences RMC GGA GSA GSV ZDA"),
        ("nmea", "a GPS receiver at 9600 baud that takes no orders; used as it is"),
    ],
)
def test_a_hat_is_set_up_and_the_program_follows(tmp_path: Path, dialect: str, said: str) -> None:
    hat = RunningHat(tmp_path, "--dialect", dialect)
    try:
        done = receiver(str(hat.paths.hat_serial), "--", "/bin/echo", "-n", "then", "--this")
    finally:
        hat.end()
    assert said in done.stderr
    assert "not answered" not in done.stderr
    assert (done.returncode, done.stdout) == (0, f"then --this {hat.paths.hat_serial}")


def test_a_device_that_cannot_be_used_is_said_and_the_program_follows(tmp_path: Path) -> None:
    for device, why in ((tmp_path / "none", "No such file"), (Path("/dev/null"), "Inappropriate ioctl")):
        done = receiver(str(device), "--", "/bin/echo", "on")
        assert f"{device}: {why}" in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == f"on {device}\n"


def test_without_a_program_the_status_tells(tmp_path: Path) -> None:
    assert receiver(str(tmp_path / "none")).returncode == 1


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = receiver(str(tmp_path / "none"), "--", "/nowhere/gpsd")
    assert done.returncode == 2
    assert "/nowhere/gpsd: No such file" in done.stderr


def test_what_was_found_is_answered_and_is_found_faster_the_next_time(tmp_path: Path) -> None:
    hat = RunningHat(tmp_path, "--dialect", "ublox10")
    answer = tmp_path / "answer"
    other = Line()  # on which nobody ever speaks
    try:
        devices = (other.name, str(hat.paths.hat_serial))
        first = receiver("--answer", str(answer), *devices, "--", "/bin/echo")
        found = memory.load(answer)
        assert found == memory.Memory((memory.Found(devices[1], 9600, "u-blox M10"),), (other.name,))
        assert first.stdout == f"{devices[1]}\n"
        second = receiver("--memory", str(answer), "--answer", str(tmp_path / "again"), *devices, "--", "/bin/echo")
        assert second.stdout == first.stdout
        assert memory.load(tmp_path / "again") == found
    finally:
        hat.end()
        other.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_is_given_up_before_the_device_is_touched_and_for_the_program_too(tmp_path: Path) -> None:
    done = receiver("--as", "65534:65534:65534", str(tmp_path / "none"), "--", "/bin/sh", "-c", "id -u")
    assert done.stdout == "65534\n"


def test_a_serial_line_carries_every_byte_both_ways() -> None:
    line = Line()
    try:
        port = SerialPort(Path(line.name))
        every = bytes(range(256))
        port.set_baud(38400)
        os.write(line.ours, every)
        heard = b""
        while len(heard) < 256 and (data := port.read(5.0)):
            heard += data
        assert heard == every
        port.write(every)
        assert os.read(line.ours, 512) == every
        assert port.read(0.01) == b""
        port.close()
    finally:
        line.close()
