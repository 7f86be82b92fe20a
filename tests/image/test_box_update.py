# SPDX-License-Identifier: MIT
"""The built box in QEMU is updated to a slot B of the same build: written, tried, given up, tried again and kept.

QEMU has no boot firmware: which slot starts after a restart, `autoboot.txt` and the wish for a try, is played here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_tree import SCRIPTS, need, run
from virtual_box import KERNEL_LINE, SETUP_START, Box, built, wait_for

pytestmark = pytest.mark.timeout(3600)
START_S = 900
UPDATE_S = 1200
PROVEN_S = 900
LINES = {"A": KERNEL_LINE, "B": KERNEL_LINE.replace("53545231-05", "53545231-06")}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed with the key whose public half is in the image; skipped where that key is not here."""
    need("unsquashfs", "openssl")
    folder = tmp_path_factory.mktemp("bundle")
    inside = run("unsquashfs", "-cat", built() / "rootfs.squashfs", "usr/share/stratum1/update.pem").stdout
    made = run(sys.executable, SCRIPTS / "bundle.py", "public", folder / "public.pem")
    if made.returncode != 0 or (folder / "public.pem").read_text() != inside:
        pytest.skip("the image was built with another key than this machine's")
    made = run(sys.executable, SCRIPTS / "bundle.py", "make", built(), folder / "new.update")
    assert made.returncode == 0, made.stderr
    return folder / "new.update"


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    box.restarts = False
    yield box
    box.pull_the_plug()


def start(box: Box, slot: str) -> None:
    box.line = LINES[slot]
    box.start()
    wait_for("the page", box.status, START_S)
    wait_for("the shell", lambda: box.shell("true"), START_S)


def upload(box: Box, bundle: Path) -> None:
    with bundle.open("rb") as file:
        command = box.ssh("cat > /data/stratum1/update.bundle")
        subprocess.run(command, stdin=file, check=True, timeout=UPDATE_S, stderr=subprocess.DEVNULL)


def restarted(box: Box) -> bool | None:
    return True if box.process is not None and box.process.poll() is not None else None


def standing(box: Box) -> str:
    """Which slot runs, and which starts next: AA, or BA while B is on trial."""
    said = wait_for("the shell", lambda: box.shell("stratum1 update status"), START_S)
    found = re.match(r"slot (\w) runs(, on trial)?[,;] (\w) starts", said)
    assert found, said
    assert bool(found[2]) == (found[1] != found[3]), said
    return found[1] + found[3]


def next_slot(box: Box) -> bytes:
    text = subprocess.run(
        ["mtype", "-i", f"{box.card}@@{SETUP_START}", "::autoboot.txt"], capture_output=True, check=True
    ).stdout
    return text.split(b"[tryboot]")[0]


def test_update_is_tried_given_up_tried_again_and_kept(box: Box, bundle: Path) -> None:
    start(box, "A")
    assert standing(box) == "AA"
    upload(box, bundle)
    box.shell("echo update > /run/stratum1/order")
    wait_for("the restart after the update was written", lambda: restarted(box), UPDATE_S)
    assert b"boot_partition=2" in next_slot(box), "the old system is to start until the new one has proved itself"

    # The try, whose plug is pulled before it has proved itself: the old one starts.
    start(box, "B")
    assert standing(box) == "BA"
    box.pull_the_plug()
    start(box, "A")
    assert standing(box) == "AA"

    # Its owner wants it once more, and lets it run.
    box.shell("echo rollback > /run/stratum1/order")
    wait_for("the restart for another try", lambda: restarted(box), UPDATE_S)
    start(box, "B")
    kept = lambda: standing(box) == "BB" or None  # noqa: E731
    wait_for("the new system to be kept", kept, PROVEN_S)
    box.pull_the_plug()
    assert b"boot_partition=3" in next_slot(box)


def test_bundle_of_somebody_else_changes_nothing(box: Box, bundle: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged.update"
    whole = bundle.read_bytes()
    forged.write_bytes(whole.replace(b'"made": 1', b'"made": 2', 1))
    assert forged.read_bytes() != whole
    start(box, "A")
    upload(box, forged)
    box.shell("echo update > /run/stratum1/order")
    said = wait_for("the refusal", lambda: box.shell("cat /run/stratum1/update.json") or None, 120)
    assert "signature" in said
    assert standing(box) == "AA"
    assert "nothing" in (box.shell("stratum1 update status") or "")
    assert restarted(box) is None
