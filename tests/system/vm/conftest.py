# SPDX-License-Identifier: MIT
"""The machines of the story; what a case that failed has left is kept below build/vm/failed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from appliance import Appliance, figures
from debian import UnreachableError
from emulate import NEEDED, build_hat
from guest import PROJECT, Guest, find_or_make
from hands import make_key
from machine import Machine

BUILD = PROJECT / "build/vm"
BUDGET_S = 13 * 60
"""A host on which the story takes longer hears the rest of it another day; what makes the guest does not count."""

Start = Callable[..., Appliance]
running: list[Appliance] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unwell: the case takes the receiver as the case before has left it")
    config.addinivalue_line("markers", "whenever: the case takes no time and is never skipped for the lack of it")


def pytest_sessionstart() -> None:
    shutil.rmtree(BUILD / "failed", ignore_errors=True)


@pytest.fixture(scope="session")
def guest() -> Guest:
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no virtual machine: {', '.join(missing)} missing (scripts/setup.sh emulate installs them)")
    try:
        return find_or_make(PROJECT / "build")
    except UnreachableError as error:
        pytest.skip(f"no virtual machine: {error}")


@pytest.fixture(scope="session")
def hat_program() -> Path:
    return build_hat(BUILD)


@pytest.fixture(scope="module")
def power_on(guest: Guest, hat_program: Path) -> Iterator[Start]:
    """Starts a machine with a fresh card, one at a time: the one before has ended then."""
    with ExitStack() as machines:

        def start(name: str, *orders: str, presets: str, receiver: str = "ublox", **start: Any) -> Appliance:
            folder = BUILD / name
            machines.close()
            shutil.rmtree(folder, ignore_errors=True)
            machine = Machine(guest.kernel, guest.initrd, guest.disk, folder, guest.append, receiver)
            key = make_key(folder)
            machine.preset("authorized_keys", key.with_suffix(".pub").read_text())
            machine.preset("stratum1.toml", presets)
            box = Appliance(machine, hat_program, key)
            machines.callback(box.close)
            machines.callback(running.remove, box)
            running.append(box)
            box.power_on(*orders, **start)
            return box

        yield start


@pytest.fixture(scope="session")
def began(guest: Guest, hat_program: Path) -> float:
    return time.monotonic()


@pytest.fixture(autouse=True)
def within_the_budget(request: pytest.FixtureRequest, began: float) -> None:
    if time.monotonic() - began > BUDGET_S and request.node.get_closest_marker("whenever") is None:
        pytest.skip(f"this host is too slow or too busy: {BUDGET_S // 60} minutes have passed")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the cases have measured, for whoever reads the log; kept as figures.json too."""
    if not figures:
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    terminalreporter.section("measured")
    for what, value in figures.items():
        terminalreporter.line(f"{value:10.1f}  {what}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    for box in running:
        if call.when == "setup":
            box.record.mark(item.name)
        if report.failed:
            kept = BUILD / "failed" / item.name.replace("/", "-")
            box.record.keep(kept, item.name, report.longreprtext)
            print(f"kept in {kept.relative_to(PROJECT)}: log, frames of the panel, a plot of the error")
    return report
