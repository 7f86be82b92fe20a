# SPDX-License-Identifier: MIT
"""The built image started in QEMU: first start, plug pulled at any moment, settings kept."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from virtual_box import CARD_BYTES, Box, wait_for

pytestmark = pytest.mark.timeout(900)
START_S = 240
SEED = 20260222


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    yield box
    box.pull_the_plug()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    box.put("stratum1.toml", '[system]\nname = "clock"\n[ntp]\nrate_burst = 77\n')
    box.start()
    wait_for("the page", box.status, START_S)
    wait_for("the shell", lambda: box.shell("true"), START_S)
    yield box
    box.pull_the_plug()


def test_box_claims_nothing_before_it_knows_the_time(started: Box) -> None:
    answer = wait_for("an NTP answer", started.ask, 60)
    assert answer[0] >> 6 == 3, "leap indicator"
    assert answer[1] == 0, "stratum"


def test_root_is_read_only_and_data_fills_the_card(started: Box) -> None:
    mounts = {line.split()[1]: line.split() for line in (started.shell("cat /proc/mounts") or "").splitlines()}
    assert mounts["/"][2] == "squashfs"
    assert "ro" in mounts["/boot"][3].split(",")
    assert mounts["/data"][2] == "ext4"
    size = int((started.shell("df -k /data | tail -n 1 | awk '{ print $2 }'") or "0").strip()) * 1024
    assert size > CARD_BYTES * 0.4


def test_presets_and_name_are_taken(started: Box) -> None:
    assert started.shell("hostname") == "clock\n"
    assert "77" in (started.shell("stratum1 settings get ntp.rate_burst") or "")


def test_only_what_must_listen_does(started: Box) -> None:
    text = started.shell("cat /proc/net/tcp /proc/net/tcp6") or ""
    rows = [line.split() for line in text.splitlines() if " 0A " in line]
    anywhere = {int(row[1].rsplit(":", 1)[1], 16) for row in rows if set(row[1].rsplit(":", 1)[0]) == {"0"}}
    assert anywhere <= {22, 80}


def test_processes_are_not_root_and_fit(started: Box) -> None:
    text = started.shell("for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; grep -E '^(Uid|VmRSS)' $p/status; done")
    assert text
    children = [
        part for part in text.split("stratum1 ") if part.startswith(("responder", "timekeeper", "web", "panel"))
    ]
    assert len(children) >= 3
    for child in children:
        assert "Uid:\t0\t" not in child.split("VmRSS")[0], child.splitlines()[0]


def test_boot_chart_tells_when_the_supervisor_was_started(started: Box) -> None:
    rows = [line.split() for line in (started.shell("cat /run/boot-chart") or "").splitlines()]
    assert rows[0][1] == "kernel"
    assert rows[-1][1] == "supervisor"
    times = [float(row[0]) for row in rows]
    assert times == sorted(times)


def test_log_is_in_ram(started: Box) -> None:
    assert "stratum1" in (started.shell("cat /run/log/messages") or "")
    written = started.shell("find /data -type f -newer /run/boot-chart.done -name '*.log'")
    assert written == ""


def test_plug_pulled_at_any_moment_of_the_first_start_never_stops_the_next(box: Box) -> None:
    moments = random.Random(SEED)
    for _ in range(4):
        box.start()
        time.sleep(moments.uniform(2, 25))
        box.pull_the_plug()
    box.start()
    wait_for("the page after the plug was pulled", box.status, START_S)
    kept = wait_for("the shell", lambda: box.shell("cat /proc/mounts"), START_S)
    assert " /data ext4 rw" in kept, "the data partition was given up"


def test_settings_and_identity_survive_the_plug(box: Box) -> None:
    box.start()
    wait_for("the page", box.status, START_S)
    wait_for("the shell", lambda: box.shell("stratum1 settings set ntp.rate_burst 99"), START_S)
    before = box.shell("cat /data/identity/machine-id /data/identity/tag")
    box.pull_the_plug()
    box.start()
    wait_for("the page", box.status, START_S)
    assert "99" in wait_for("the shell", lambda: box.shell("stratum1 settings get ntp.rate_burst"), START_S)
    assert box.shell("cat /data/identity/machine-id /data/identity/tag") == before


def test_supervisor_that_is_killed_comes_back(box: Box) -> None:
    box.start()
    wait_for("the page", box.status, START_S)
    first = wait_for("the shell", lambda: box.shell("cat /run/supervise.pid"), START_S)
    box.shell(f"kill -9 {first}")

    def replaced() -> str | None:
        now = box.shell("cat /run/supervise.pid")
        return now if now and now != first else None

    wait_for("another supervisor", replaced, START_S)
    wait_for("the page", box.status, START_S)
