# SPDX-License-Identifier: MIT
"""scripts/pinned-download.sh, with an npm that hands out a file of ours, and what the image makes of uPlot."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

from image_tree import PACKAGES, SCRIPTS, TOP, run

FILE = "some-thing-1.2.tgz"


def download(tmp_path: Path, pinned: bytes, offered: bytes | None) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    if offered is not None:
        (tmp_path / "offered").write_bytes(offered)
        npm = folder / "npm"
        npm.write_text(
            '#!/bin/sh\necho "$*" >> "$CALLS"\n'
            "while [ $# -gt 0 ]; do case $1 in --pack-destination) to=$2 ;; esac; shift; done\n"
            f'cp "$OFFERED" "$to/{FILE}"\n'
        )
        npm.chmod(0o755)
    for tool in ("awk", "sha256sum", "mktemp", "rm", "mkdir", "mv", "sed", "cp", "sh"):
        found = next(path for path in (Path("/usr/bin") / tool, Path("/bin") / tool) if path.exists())
        (folder / tool).symlink_to(found)
    (tmp_path / "x.hash").write_text(f"sha256  {hashlib.sha256(pinned).hexdigest()}  {FILE}\n")
    return run(
        SCRIPTS / "pinned-download.sh",
        "--hashes",
        tmp_path / "x.hash",
        "--into",
        tmp_path / "dl",
        FILE,
        PATH=str(folder),
        CALLS=str(tmp_path / "calls"),
        OFFERED=str(tmp_path / "offered"),
    )


def test_takes_what_has_the_pinned_hash_and_runs_none_of_its_scripts(tmp_path: Path) -> None:
    result = download(tmp_path, b"good", b"good")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "dl" / FILE).read_bytes() == b"good"
    calls = (tmp_path / "calls").read_text()
    assert "some-thing@1.2" in calls and "--ignore-scripts" in calls


def test_refuses_another_file(tmp_path: Path) -> None:
    result = download(tmp_path, b"good", b"evil")
    assert result.returncode == 1 and "not the pinned sha256" in result.stderr
    assert not (tmp_path / "dl" / FILE).exists()


def test_without_npm_it_says_in_one_line_what_to_install(tmp_path: Path) -> None:
    result = download(tmp_path, b"good", None)
    assert result.returncode == 1
    assert result.stderr == f"pinned-download.sh: {FILE}: npm is missing (apt-get install npm)\n"


def test_asks_nobody_for_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl" / FILE).write_bytes(b"good")
    assert download(tmp_path, b"good", b"evil").returncode == 0
    assert not (tmp_path / "calls").exists()


def test_image_and_checkout_bring_the_files_that_the_page_asks_for() -> None:
    template = (TOP / "app/src/stratum1/web/templates/history.html").read_text(encoding="utf-8")
    asked = set(re.findall(r"vendor/([\w.]+)", template))
    assert asked == {"uPlot.iife.min.js", "uPlot.min.css"}
    for place in (PACKAGES / "uplot" / "uplot.mk", SCRIPTS / "setup.sh"):
        brought = set(re.findall(r"dist/([\w.]+)", place.read_text(encoding="utf-8")))
        assert asked <= brought, place
