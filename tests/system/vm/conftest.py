# SPDX-License-Identifier: MIT
"""One machine for the story; what it left is kept below build/vm when a case fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from appliance import Appliance
from emulate import build_hat
from guest import PROJECT, Guest, find_or_make
from machine import QEMU, Machine

PRESETS = """version = 1

[timekeeper]
holdover_limit_h = 0.006
"""
"""22 s of holdover: long enough to see it, short enough to see its end."""

Start = Callable[..., Appliance]


@pytest.fixture(scope="session")
def guest() -> Guest:
    for program in (QEMU, "genimage", "mksquashfs", "aarch64-linux-gnu-gcc", "fdtput", "mcopy"):
        if shutil.which(program) is None:
            pytest.fail(f"{program} is missing: scripts/setup.sh test installs what the system test needs")
    return find_or_make(PROJECT / "build")


@pytest.fixture(scope="session")
def hat_program() -> Path:
    return build_hat(PROJECT / "build/vm")


@pytest.fixture(scope="module")
def power_on(guest: Guest, hat_program: Path) -> Iterator[Start]:
    """Starts a machine with a fresh card; all end with the module."""
    with ExitStack() as machines:

        def start(name: str, *, clock: str = "utc", true_offset_s: int = 0, presets: str = PRESETS) -> Appliance:
            folder = PROJECT / "build/vm" / name
            shutil.rmtree(folder, ignore_errors=True)
            machine = Machine(guest.kernel, guest.initrd, guest.disk, folder, guest.append)
            machines.callback(machine.close)
            machine.preset(presets)
            machine.start(hat_program, clock=clock, true_offset_s=true_offset_s)
            return Appliance(machine, hat_program, true_offset_s)

        yield start


@pytest.fixture(scope="module")
def box(power_on: Start) -> Appliance:
    """The appliance of the story."""
    return power_on("story")


@pytest.fixture(autouse=True)
def unhurried() -> None:
    """The machine is emulated: on a loaded host every figure would be the load's."""
    if os.getloadavg()[0] > 40:
        pytest.skip("the host is far too busy for an emulated machine")
