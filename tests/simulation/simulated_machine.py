# SPDX-License-Identifier: MIT
"""Runs Python in a machine of simulated time: simulated_machine.c preloaded, see there for what it offers."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@functools.cache
def library() -> Path:
    """The compiled machine; made once for each run of the tests."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler is needed, as for the package itself"
    target = Path(tempfile.mkdtemp(prefix="machine")) / "machine.so"
    source = HERE / "simulated_machine.c"
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", target, source, "-lm", "-ldl"],
        check=True,
    )
    return target


@dataclass(frozen=True)
class Second:
    """The machine at one true second."""

    number: int
    kernel_minus_true_ns: int
    rate: float
    """Frequency adjustment in force (s/s)."""
    status: int
    tai: int


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str
    seconds: list[Second]


def run(folder: Path, arguments: list[str], **machine: float) -> Outcome:
    """`python ARGUMENTS` in a machine with MACHINE_<KEY> set from `machine`; `folder` takes its log."""
    log = folder / "machine.log"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library()),
        "STRATUM1_ROOT": str(folder / "root"),
        "STRATUM1_RUN": str(folder / "run"),
        "STRATUM1_DATA": str(folder / "data"),
        "MACHINE_LOG": str(log),
        **{f"MACHINE_{key.upper()}": str(value) for key, value in machine.items()},
    }
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    lines = log.read_text().splitlines() if log.exists() else []
    seconds = []
    for line in lines:
        number, ahead, rate, status, tai = line.split()
        seconds.append(Second(int(number), int(ahead), float(rate), int(status), int(tai)))
    return Outcome(done.returncode, done.stdout, done.stderr, seconds)


def timekeeper(folder: Path, settings: str, **machine: float) -> Outcome:
    """`stratum1 timekeeper` with the text of a settings file."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "stratum1.toml").write_text(settings)
    return run(folder, ["-m", "stratum1", "timekeeper"], **machine)
