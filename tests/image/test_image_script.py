# SPDX-License-Identifier: MIT
"""make image refuses to build with anything but the pinned Buildroot, and shows how far it is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from image_tree import EXTERNAL, SCRIPTS, need, run


def commit(folder: Path) -> str:
    """A git checkout that is no Buildroot."""
    folder.mkdir()
    (folder / "Makefile").write_text("all:\n")
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def refusal(buildroot: Path, verb: str = "image") -> str:
    need("bc", "cpio", "rsync", "m4", "bison", "flex", "npm")
    result = run(SCRIPTS / "image.sh", verb, BUILDROOT_DIR=str(buildroot), BR2_DL_DIR=str(buildroot.parent / "dl"))
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_another_commit_is_refused(tmp_path: Path) -> None:
    head = commit(tmp_path / "buildroot")
    pinned = re.search(r"^commit=(\w+)$", (EXTERNAL / "buildroot.pin").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    said = refusal(tmp_path / "buildroot")
    assert head in said
    assert pinned[1] in said


def test_buildroot_that_is_not_there_is_not_cloned_elsewhere(tmp_path: Path) -> None:
    assert "no Buildroot there" in refusal(tmp_path / "nothing")


def test_buildroot_of_unknown_origin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "buildroot").mkdir()
    (tmp_path / "buildroot" / "Makefile").write_text("all:\n")
    assert "nobody knows what it is" in refusal(tmp_path / "buildroot")


def test_progress_names_each_package_once_and_counts() -> None:
    source = (SCRIPTS / "image.sh").read_text(encoding="utf-8")
    function = re.search(r"^progress\(\) \{\n.*?^\}\n", source, re.MULTILINE | re.DOTALL)
    assert function
    log = (
        "\033[7m>>> busybox 1.37.0 Extracting\033[27m\nnoise\n>>> busybox 1.37.0 Building\n>>> linux custom Building\n"
        "\033[7m>>>   Finalizing target directory\033[27m\n"
    )
    result = subprocess.run(
        ["sh", "-c", function[0] + "progress 3 9"], input=log, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == [
        "image: 4/9 packages, busybox 1.37.0",
        "image: 5/9 packages, linux custom",
    ]
