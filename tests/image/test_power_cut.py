# SPDX-License-Identifier: MIT
"""The plug is pulled a dozen times, half of them while settings are written: none is lost, and the box always starts.

The virtual card keeps what the box has written and forgets what the box had only in memory. What a real card's own
write cache loses is not shown here; the writes are synced, which asks the card to empty it.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from virtual_box import Box, wait_for

pytestmark = pytest.mark.timeout(3600)
START_S = 900
CUTS = 12
CAP_S = float(os.environ.get("STRATUM1_CUT_SECONDS", "900"))
"""No further cut after so long: the emulated box may be slow."""
LEAST = 4
SEED = 20261122

# One number after the other, each said when it is safely there; the same call as the page's and the command's.
WRITER = """
import dataclasses, itertools, sys
from stratum1.paths import Paths
from stratum1.settings import load, save
path = Paths.from_environment().settings
now = load(path).settings
for count in itertools.count(int(sys.argv[1])):
    save(path, dataclasses.replace(now, system=dataclasses.replace(now.system, name=f"box-{count}")))
    print(count, flush=True)
"""


def written_until(box: Box, first: int, seconds: float) -> int:
    """Let the box write settings, pull the plug in the midst of it; the last number that it said was safe."""
    command = f"python3 -c '{WRITER}' {first}"
    with subprocess.Popen(box.ssh(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as writer:
        assert writer.stdout is not None
        begun = writer.stdout.readline()
        assert begun.strip() == str(first), f"the writer said {begun!r}"
        time.sleep(seconds)
        box.pull_the_plug()
        rows = writer.stdout.read().split("\n")
    # The last line may have been cut in two on its way.
    return max([first, *(int(row) for row in rows[:-1] if row.isdigit())])


def kept(box: Box) -> int:
    text = wait_for("the shell", lambda: box.shell("stratum1 settings get system.name"), START_S)
    return int(text.strip().removeprefix('"').removesuffix('"').removeprefix("box-") or 0)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_no_setting_is_lost_and_every_start_succeeds(box: Box) -> None:
    moments = random.Random(SEED)
    begun = time.monotonic()
    safe, cuts, counted = 0, 0, 0
    try:
        while cuts < CUTS and (cuts < LEAST or time.monotonic() - begun < CAP_S):
            box.start()
            if cuts % 2:
                time.sleep(moments.uniform(1, 20))
                box.pull_the_plug()
            else:
                wait_for("the shell", lambda: box.shell("true"), START_S)
                if cuts:
                    assert kept(box) >= safe, "a setting that was said to be safe is gone"
                first = safe + 1
                safe = written_until(box, first, moments.uniform(0.5, 6))
                counted += safe - first + 1
            cuts += 1
            print(f"cut {cuts} after {time.monotonic() - begun:.0f} s, {counted} settings written", flush=True)
        box.start()
        wait_for("the page", box.status, START_S)
        assert kept(box) >= safe
        assert " /data ext4 rw" in (box.shell("cat /proc/mounts") or ""), "the data partition was given up"
        assert (box.shell("stratum1 settings check /data/stratum1/stratum1.toml; echo $?") or "").endswith("0\n")
    finally:
        box.pull_the_plug()
    print(f"{cuts} cuts, {counted} settings written, none lost")
