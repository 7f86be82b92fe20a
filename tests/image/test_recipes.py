# SPDX-License-Identifier: MIT
"""Every recipe is pinned by a hash, everything the program imports is in the image, and no registry is named."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from image_tree import BOARD, EXTERNAL, PACKAGES, ROOTFS, SCRIPTS, TOP, buildroot, run

RECIPES = sorted(path.parent.name for path in PACKAGES.glob("*/*.mk"))
FETCHED = [name for name in RECIPES if name != "stratum1"]


def variables(name: str) -> dict[str, str]:
    prefix = name.upper().replace("-", "_") + "_"
    text = (PACKAGES / name / f"{name}.mk").read_text(encoding="utf-8")
    found = dict(re.findall(rf"^{prefix}(\w+) [+]?= (.*)$", text, re.MULTILINE))
    return {key: value.replace(f"$({prefix}VERSION)", found.get("VERSION", "")) for key, value in found.items()}


def hashes(name: str) -> dict[str, str]:
    lines = (PACKAGES / name / f"{name}.hash").read_text(encoding="utf-8").splitlines()
    rows = [line.split("  ") for line in lines if not line.startswith("#")]
    assert all(len(row) == 3 and row[0] == "sha256" for row in rows), rows
    assert all(re.fullmatch("[0-9a-f]{64}", row[1]) for row in rows), rows
    return {row[2]: row[1] for row in rows}


@pytest.mark.parametrize("name", FETCHED)
def test_source_and_licence_of_a_recipe_have_a_hash(name: str) -> None:
    recipe, known = variables(name), hashes(name)
    assert recipe["SOURCE"] in known
    assert set(recipe["LICENSE_FILES"].split()) <= known.keys()
    assert re.fullmatch(r"[A-Za-z0-9.+-]+", recipe["LICENSE"])
    assert recipe["PRE_DOWNLOAD_HOOKS"] == "STRATUM1_PINNED_DOWNLOAD"


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_can_be_chosen(name: str) -> None:
    symbol = "BR2_PACKAGE_" + name.upper().replace("-", "_")
    assert f"config {symbol}\n" in (PACKAGES / name / "Config.in").read_text(encoding="utf-8")
    assert f"package/{name}/Config.in" in (EXTERNAL / "Config.in").read_text(encoding="utf-8")


def test_every_python_dependency_is_selected() -> None:
    project = tomllib.loads((TOP / "app" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["pi"]]
    selected = set(re.findall(r"select (BR2_\w+)", (PACKAGES / "stratum1" / "Config.in").read_text(encoding="utf-8")))
    for requirement in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0].upper()
        assert "BR2_PACKAGE_PYTHON_" + re.sub(r"[.-]", "_", name) in selected, f"{requirement} is not in the image"


def test_every_library_of_a_compiled_module_is_a_dependency() -> None:
    libraries = set(re.findall(r'"(\w+)"\]', (TOP / "app" / "setup.py").read_text(encoding="utf-8").split("def ")[0]))
    assert libraries <= {"crypto", "m"}, "name the Buildroot package of the new library here and in stratum1.mk"
    assert "crypto" not in libraries or "openssl" in variables("stratum1")["DEPENDENCIES"].split()


def test_no_registry_host_is_named() -> None:
    files = [*EXTERNAL.rglob("*"), *BOARD.rglob("*"), *ROOTFS.rglob("*"), *SCRIPTS.iterdir()]
    # Spelled so that this file does not name them either.
    registry = re.compile(rb"py[p]i\.org|python[h]osted\.org|debian\.[o]rg|npm[j]s\.")
    named = [path for path in files if path.is_file() and not path.is_symlink() and registry.search(path.read_bytes())]
    assert named == []


def test_pin_names_a_tag_and_a_commit() -> None:
    pin = dict(
        line.split("=", 1)
        for line in (EXTERNAL / "buildroot.pin").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    assert re.fullmatch(r"2026\.02\.\d+", pin["tag"])
    assert re.fullmatch("[0-9a-f]{40}", pin["commit"])
    assert pin["url"].startswith("https://")


def test_buildroots_own_checker_finds_nothing() -> None:
    checker = buildroot() / "utils" / "check-package"
    files = [path for path in EXTERNAL.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    result = run(sys.executable, checker, "--br2-external", *files)
    if "No module named" in result.stderr:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stdout + result.stderr


class TestPipDownload:
    """scripts/pinned-download.sh with a pip that hands out a file of ours."""

    FILE = "some_thing-1.2.tar.gz"

    def download(self, tmp_path: Path, pinned: bytes, offered: bytes) -> subprocess.CompletedProcess[str]:
        (tmp_path / "offered").write_bytes(offered)
        python = tmp_path / "bin" / "python3"
        python.parent.mkdir()
        python.write_text(
            '#!/bin/sh\necho "$*" >> "$CALLS"\n'
            "while [ $# -gt 0 ]; do\n"
            'case $1 in --dest) dest=$2 ;; --requirement) cat "$2" >> "$CALLS" ;; esac; shift; done\n'
            f'mkdir -p "$dest"; cp "$OFFERED" "$dest/{self.FILE}"\n'
        )
        python.chmod(0o755)
        (tmp_path / "x.hash").write_text(f"sha256  {hashlib.sha256(pinned).hexdigest()}  {self.FILE}\n")
        return run(
            SCRIPTS / "pinned-download.sh",
            "--hashes",
            tmp_path / "x.hash",
            "--into",
            tmp_path / "dl",
            self.FILE,
            PATH=f"{python.parent}:/usr/bin:/bin",
            CALLS=str(tmp_path / "calls"),
            OFFERED=str(tmp_path / "offered"),
        )

    def test_takes_what_has_the_pinned_hash(self, tmp_path: Path) -> None:
        result = self.download(tmp_path, b"good", b"good")
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "dl" / self.FILE).read_bytes() == b"good"
        calls = (tmp_path / "calls").read_text()
        assert f"some_thing==1.2 --hash=sha256:{hashlib.sha256(b'good').hexdigest()}" in calls
        assert "--require-hashes" in calls

    def test_refuses_another_file(self, tmp_path: Path) -> None:
        result = self.download(tmp_path, b"good", b"evil")
        assert result.returncode == 1
        assert "not the pinned sha256" in result.stderr
        assert not (tmp_path / "dl" / self.FILE).exists()

    def test_asks_nobody_for_what_is_there(self, tmp_path: Path) -> None:
        (tmp_path / "dl").mkdir()
        (tmp_path / "dl" / self.FILE).write_bytes(b"good")
        assert self.download(tmp_path, b"good", b"evil").returncode == 0
        assert not (tmp_path / "calls").exists()
