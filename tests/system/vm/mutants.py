# SPDX-License-Identifier: MIT
"""Breaks the guest's product on purpose, one thing at a time, and tells whether the story's case for it goes red.

mutants.py [NAME ..]: all of them, or those named; status 1 when a broken product passed.  A case that cannot go red
proves nothing; this is for whoever changes the harness, and takes some two minutes for each mutant.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from guest import OVERRIDE, PROJECT, lay_out, make, squash

PACKAGE = "usr/lib/python3/dist-packages/stratum1"


@dataclass(frozen=True)
class Mutant:
    file: str
    """In the guest's root."""
    old: str
    new: str
    cases: str
    """Which of the story must see it, as pytest's -k."""


MUTANTS = {
    "panel-state": Mutant(
        f"{PACKAGE}/panel/pages.py", "state=status.state,", 'state="HOLDOVER",', "it_locks or glass_shows"
    ),
    "panel-reason": Mutant(f"{PACKAGE}/panel/pages.py", "texts=(status.short,", 'texts=("",', "claims_nothing"),
    "button": Mutant(
        f"{PACKAGE}/panel/loop.py", "self._desk.press(press, now)", "self._parts.say(press.value)", "press_wakes"
    ),
    "delay": Mutant(
        f"{PACKAGE}/timekeeper/process.py", "delay_ns=settings.pulse.delay_ns", "delay_ns=0", "once_calibrated"
    ),
    "leap-notice": Mutant(
        f"{PACKAGE}/receiver/dialects.py",
        "return LeapToCome(change, left) if left > 0 else LeapToCome(0, 0)",
        "return LeapToCome(0, 0)",
        "leap_second",
    ),
    "restart": Mutant(
        f"{PACKAGE}/supervisor/child.py", "self._next = now + retry", "self._next = now + 3600", "killed and panel"
    ),
    "stored-drift": Mutant(
        f"{PACKAGE}/timekeeper/process.py", "drift=self._drift,", "drift=None,", "power_cut or second_start"
    ),
    "presets-again": Mutant(
        "etc/init.d/S21presets", '[ "$sum" != "$(cat $TAKEN 2> /dev/null)" ] || return 0', "", "power_cut"
    ),
    "watchdog": Mutant("usr/libexec/stratum1/supervise", " --watchdog /dev/watchdog", "", "watchdog"),
}


def breed(mutant: Mutant, folder: Path) -> None:
    """A disk below `folder` whose root is the guest's but for one line."""
    root = PROJECT / "build/guest/root"
    file = root / mutant.file
    whole = file.read_text(encoding="utf-8")
    if whole.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.file}: {mutant.old!r} is there {whole.count(mutant.old)} times, want once")
    compiled = file.parent / "__pycache__" / f"{file.stem}.cpython-313.pyc"
    aside = folder / "aside.pyc"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        if compiled.exists():
            shutil.move(compiled, aside)
        file.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
        squash(root, folder / "rootfs.squashfs")
    finally:
        file.write_text(whole, encoding="utf-8")
        if aside.exists():
            shutil.move(aside, compiled)
    lay_out(folder)


def survives(mutant: Mutant, folder: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-c", "app/pyproject.toml", "--rootdir=.", "-q", "-o", "timeout=900"]
    command += ["tests/system/vm", "-k", mutant.cases]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, OVERRIDE: str(folder)}, capture_output=True, text=True, check=False
    )
    (folder / "pytest.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode not in (0, 1) or " skipped" in done.stdout:
        raise SystemExit(f"the story could not be told; see {folder / 'pytest.txt'}")
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="*", choices=[*MUTANTS, []], help="which to try; all when none is named")
    names = parser.parse_args().name or list(MUTANTS)
    make(PROJECT / "build/guest")
    survivors = []
    for name in names:
        folder = PROJECT / "build/mutants" / name
        breed(MUTANTS[name], folder)
        lives = survives(MUTANTS[name], folder)
        print(f"{name:15} {'SURVIVED' if lives else 'seen'}", flush=True)
        survivors += [name] if lives else []
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
