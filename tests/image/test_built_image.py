# SPDX-License-Identifier: MIT
"""What a built image contains: looked at in its squashfs, without starting it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from image_tree import need, run
from virtual_box import built

LIMIT = 100_000_000


@pytest.fixture(scope="module")
def root() -> Path:
    need("unsquashfs")
    return built() / "rootfs.squashfs"


@pytest.fixture(scope="module")
def listing(root: Path) -> dict[str, tuple[str, str, int]]:
    """Mode, owner and size by path."""
    result = run("unsquashfs", "-lln", root)
    rows = re.findall(
        r"^(\S{10}) (\d+/\d+)\s+(\d+) \S+ \S+ squashfs-root(/.*?)(?: -> .*)?$", result.stdout, re.MULTILINE
    )
    assert len(rows) > 1000, result.stderr
    return {path: (mode, owner, int(size)) for mode, owner, size, path in rows}


def cat(root: Path, path: str) -> str:
    result = run("unsquashfs", "-cat", root, path)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_root_is_small_enough(listing: dict[str, tuple[str, str, int]]) -> None:
    assert sum(size for mode, _, size in listing.values() if mode[0] == "-") <= LIMIT


def test_programs_of_the_appliance_are_there(listing: dict[str, tuple[str, str, int]]) -> None:
    for path in (
        "/usr/bin/stratum1",
        "/usr/sbin/gpsd",
        "/usr/sbin/avahi-daemon",
        "/usr/sbin/dropbear",
        "/usr/sbin/sfdisk",
    ):
        assert path in listing, path


def test_compiled_rooms_are_for_the_board(root: Path, listing: dict[str, tuple[str, str, int]], tmp_path: Path) -> None:
    modules = [path for path in listing if "/site-packages/stratum1/" in path and path.endswith(".so")]
    assert modules
    assert not [path for path in modules if "aarch64" not in path]
    run("unsquashfs", "-f", "-d", tmp_path / "x", root, *(path.lstrip("/") for path in modules))
    for path in modules:
        head = (tmp_path / "x" / path.lstrip("/")).read_bytes()[:20]
        assert head[:4] == b"\x7fELF"
        assert int.from_bytes(head[18:20], "little") == 183, f"{path} is not for AArch64"


def test_every_imported_library_is_there(listing: dict[str, tuple[str, str, int]]) -> None:
    packages = (
        "flask",
        "flask_wtf",
        "wtforms",
        "argon2",
        "waitress",
        "luma/oled",
        "luma/core",
        "PIL",
        "smbus2",
        "gpsd",
    )
    for package in (*packages, "tomli_w", "RPi/GPIO"):
        assert any(f"/site-packages/{package}/" in path for path in listing), package
    for module in ("qrcodegen", "lgpio"):
        assert any(path.endswith((f"/site-packages/{module}.py", f"/site-packages/{module}.pyc")) for path in listing)


def test_no_one_can_log_in_with_a_password(root: Path) -> None:
    for line in cat(root, "etc/shadow").splitlines():
        assert line.split(":")[1] in ("*", "!", "!!"), line.split(":")[0]


def test_no_key_and_no_certificate_is_the_same_on_every_box(listing: dict[str, tuple[str, str, int]]) -> None:
    secrets = [path for path in listing if re.search(r"(host_key|\.key|authorized_keys|machine-id|random-seed)$", path)]
    assert [path for path in secrets if listing[path][0][0] == "-"] == []


def test_init_starts_one_thing(root: Path) -> None:
    respawned = [line for line in cat(root, "etc/inittab").splitlines() if ":respawn:" in line]
    assert respawned == ["::respawn:/usr/libexec/stratum1/supervise"]


def test_nothing_else_keeps_or_serves_time(listing: dict[str, tuple[str, str, int]]) -> None:
    names = {path.rsplit("/", 1)[1] for path in listing}
    assert not names & {"ntpd", "chronyd", "ntpdate", "telnetd", "httpd", "ptp4l", "rdate"}
    assert not [name for name in names if re.fullmatch(r"S\d\d(gpsd|watchdog|seedrng)", name)]


def test_users_of_the_processes_exist_and_have_no_shell(root: Path) -> None:
    users = {line.split(":")[0]: line.split(":") for line in cat(root, "etc/passwd").splitlines()}
    assert {"stratum1", "gpsd"} <= users.keys()
    assert users["stratum1"][6] in ("/bin/false", "/usr/sbin/nologin", "/sbin/nologin")


def test_nothing_is_set_uid(listing: dict[str, tuple[str, str, int]]) -> None:
    # BusyBox is, for applets that drop the right at once; with nobody logging in, nothing else needs to be.
    raised = [path for path, (mode, _, _) in listing.items() if mode[3] in "sS"]
    assert set(raised) <= {"/usr/bin/busybox"}


def test_nothing_of_a_developer_is_there(listing: dict[str, tuple[str, str, int]]) -> None:
    names = {path.rsplit("/", 1)[1] for path in listing}
    assert not names & {"gdb", "gdbserver", "pytest", "strace", "gcc", "pip"}


def test_calendar_of_the_image_is_recent(root: Path) -> None:
    assert int(cat(root, "etc/build-date")) > 1_750_000_000
