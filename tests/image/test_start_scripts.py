# SPDX-License-Identifier: MIT
"""The start scripts of the root file system, run here with the appliance's folders moved into a temporary one.

Programs that would touch this machine (date, hostname, mount, ...) are replaced by ones that only write down
how they were called.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from image_tree import ROOTFS, need

from stratum1.settings.schema import Settings

INIT = ROOTFS / "etc" / "init.d"
FOLDERS = ("data", "boot", "run", "proc", "sys", "etc", "dev")
HARMLESS = ("date", "hostname", "chown", "logger", "mount", "umount", "e2fsck", "resize2fs", "sfdisk", "partx",
            "seedrng", "stratum1", "mountpoint", "start-stop-daemon", "sync")  # fmt: skip


class Box:
    """An appliance of folders; `answer` says what a replaced program prints and how it ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls = root / "calls"
        self.tools = root / "tools"
        for name in (*FOLDERS, "tools", "run/log", "data/stratum1", "data/log", "proc/sys/kernel/random"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "proc/sys/kernel/random/uuid").write_text("01234567-89ab-cdef-0123-456789abcdef\n")
        (root / "etc/build-date").write_text("1790000000\n")
        for name in HARMLESS:
            self.answer(name)
        self.answer("date", "1800000000")

    def answer(self, name: str, text: str = "", status: int = 0, also: str = "") -> None:
        tool = self.tools / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{also}\necho "{text}"\nexit {status}\n')
        tool.chmod(0o755)

    def run(self, script: str, verb: str = "start", status: int = 0) -> str:
        """What the script says; it must end with `status`."""
        source = (INIT / script).read_text(encoding="utf-8")
        helper = (ROOTFS / "usr/libexec/stratum1/disk").read_text(encoding="utf-8")
        moved = re.compile(rf"(?<![\w.$}}])/({'|'.join(FOLDERS)})\b")
        (self.root / "disk").write_text(moved.sub(rf"{self.root}/\1", helper))
        source = source.replace("/usr/libexec/stratum1/disk", f"{self.root}/disk@").replace("disk@", "disk")
        copy = self.root / script
        copy.write_text(moved.sub(rf"{self.root}/\1", source))
        copy.chmod(0o755)
        result = subprocess.run(
            ["sh", str(copy), verb],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"},
            timeout=60,
        )
        assert result.returncode == status, result.stderr
        return result.stdout + (result.stderr if status else "")

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


class TestIdentity:
    def test_name_ends_in_the_serial_number(self, box: Box) -> None:
        box.write("proc/device-tree/serial-number", "10000000abcd1234\0")
        box.run("S22identity")
        assert "hostname stratum1-1234" in box.called
        assert "stratum1-1234" in box.read("run/hosts")

    def test_name_of_the_settings_wins(self, box: Box) -> None:
        box.write("data/stratum1/stratum1.toml", '[ntp]\nname = "no"\n[system]\nzone = "UTC"\nname = "clock"\n')
        box.run("S22identity")
        assert "hostname clock" in box.called

    def test_everything_is_made_once(self, box: Box) -> None:
        box.write("sys/class/net/eth0/address", "02:00:00:00:be:ef\n")
        box.run("S22identity")
        first = {path.name: path.read_bytes() for path in (box.root / "data/identity").iterdir()}
        box.write("sys/class/net/eth0/address", "02:00:00:00:00:01\n")
        box.write("proc/sys/kernel/random/uuid", "ffffffff-89ab-cdef-0123-456789abcdef\n")
        box.run("S22identity")
        assert {path.name: path.read_bytes() for path in (box.root / "data/identity").iterdir()} == first
        assert first["tag"] == b"beef"
        assert first["machine-id"] == b"0123456789abcdef0123456789abcdef\n"

    def test_calendar_is_raised_to_the_date_of_the_image_and_never_put_back(self, box: Box) -> None:
        box.answer("date", "1500000000")
        box.run("S22identity")
        assert "date -u -s @1790000000" in box.called
        box.calls.unlink()
        box.answer("date", "1790000000")
        box.run("S22identity")
        assert not [call for call in box.called if call.startswith("date") and "-s" in call]


class TestPresets:
    def test_good_file_is_taken(self, box: Box) -> None:
        box.write("boot/stratum1.toml", "[ntp]\nport = 1123\n")
        box.run("S21presets")
        assert box.read("data/stratum1/stratum1.toml") == "[ntp]\nport = 1123\n"

    def test_what_was_set_on_the_page_stands_until_the_file_is_edited(self, box: Box) -> None:
        box.write("boot/stratum1.toml", "[ntp]\nport = 1123\n")
        box.run("S21presets")
        box.write("data/stratum1/stratum1.toml", "[ntp]\nport = 2123\n")
        box.run("S21presets")
        assert "2123" in box.read("data/stratum1/stratum1.toml")
        box.write("boot/stratum1.toml", "[ntp]\nport = 3123\n")
        box.run("S21presets")
        assert "3123" in box.read("data/stratum1/stratum1.toml")

    def test_a_new_preset_needs_no_confirmation_of_its_network(self, box: Box) -> None:
        kept = box.write("data/stratum1/network.kept", "{}")
        box.write("boot/stratum1.toml", "[network]\nvlan = 5\n")
        box.run("S21presets")
        assert not kept.exists()
        kept = box.write("data/stratum1/network.kept", "{}")
        box.run("S21presets")
        assert kept.exists(), "only when it is taken over"

    def test_bad_file_changes_nothing_and_is_named(self, box: Box) -> None:
        settings = box.write("data/stratum1/stratum1.toml", "[ntp]\nport = 2123\n")
        box.write("boot/stratum1.toml", "[ntp]\nport = 99999\n")
        box.answer("stratum1", "ntp.port: 99999 is too large", status=1)
        assert "ntp.port: 99999 is too large" in box.run("S21presets")
        assert "2123" in settings.read_text()

    def test_no_file_is_nothing_to_say(self, box: Box) -> None:
        assert box.run("S21presets") == ""
        assert box.called == []


class TestData:
    CARD = 62_333_952

    @pytest.fixture(autouse=True)
    def card(self, box: Box) -> None:
        """A card of 32 GB whose data partition still has the 64 MiB of the image."""
        block = box.root / "sys/devices/mmc/mmcblk0"
        for number in (1, 5, 7):
            part = block / f"mmcblk0p{number}"
            part.mkdir(parents=True)
            (part / "partition").write_text(f"{number}\n")
        (block / "size").write_text(f"{self.CARD}\n")
        (block / "mmcblk0p7/start").write_text("860160\n")
        (block / "mmcblk0p7/size").write_text("131072\n")
        for folder, names in (("sys/class/block", ("mmcblk0", "mmcblk0p7")), ("sys/dev/block", ("179:5",))):
            (box.root / folder).mkdir(parents=True)
            for name in names:
                target = block if name == "mmcblk0" else block / ("mmcblk0p5" if ":" in name else name)
                (box.root / folder / name).symlink_to(target)
        box.answer("mountpoint", "179:5")

    def test_partition_and_file_system_grow_to_the_end_of_the_card(self, box: Box) -> None:
        box.run("S20data")
        device = f"{box.root}/dev/mmcblk0"
        names = [call for call in box.called if call.startswith(("sfdisk", "partx", "e2fsck", "resize2fs"))]
        assert names == [
            f"sfdisk --quiet --no-reread --no-tell-kernel -N 4 {device}",
            f"sfdisk --quiet --no-reread --no-tell-kernel -N 7 {device}",
            f"partx --update --nr 7 {device}",
            f"e2fsck -p {device}p7",
            f"resize2fs {device}p7",
        ]

    def test_grown_partition_is_left_alone(self, box: Box) -> None:
        (box.root / "sys/class/block/mmcblk0p7/size").write_text(f"{self.CARD - 860160}\n")
        box.run("S20data")
        assert not [call for call in box.called if call.startswith("sfdisk")]

    def test_damaged_file_system_is_mended(self, box: Box) -> None:
        box.answer("e2fsck", also='[ "$1" = -p ] && exit 4; exit 1')
        box.run("S20data")
        device = f"{box.root}/dev/mmcblk0p7"
        assert [call for call in box.called if call.startswith("e2fsck")] == [
            f"e2fsck -p {device}",
            f"e2fsck -fy {device}",
        ]
        assert any(call.startswith("mount -t ext4") and device in call for call in box.called)

    @pytest.mark.parametrize("broken", ["e2fsck", "mount"])
    def test_box_starts_from_ram_when_the_data_cannot_be_used(self, box: Box, broken: str) -> None:
        if broken == "e2fsck":
            box.answer("e2fsck", status=8)
        else:
            box.answer("mount", also='[ "$2" = ext4 ] && exit 32')
        assert "settings are the defaults" in box.run("S20data")
        assert any(call.startswith("mount -t tmpfs") and call.endswith(f"{box.root}/data") for call in box.called)

    def test_setup_partition_is_never_written(self, box: Box) -> None:
        box.run("S20data")
        (mount,) = [call for call in box.called if call.startswith("mount -t vfat")]
        assert "ro," in mount


class TestLogKeeper:
    def test_last_four_starts_are_kept_and_no_file_grows_past_its_bound(self, box: Box) -> None:
        for start in range(6):
            box.run("S60logkeeper")
            box.write("run/log/messages", f"start {start}\n" * 20_000)
            box.run("S60logkeeper", "stop")
        kept = sorted((box.root / "data/log").iterdir())
        assert [path.name for path in kept] == ["messages", "messages.1", "messages.2", "messages.3"]
        assert all(path.stat().st_size <= 131_072 for path in kept)
        assert [path.read_text().splitlines()[-1] for path in kept] == ["start 5", "start 4", "start 3", "start 2"]


def test_init_keeps_one_thing_running_and_nobody_logs_in() -> None:
    text = (ROOTFS / "etc/inittab").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if ":respawn:" in line] == ["::respawn:/usr/libexec/stratum1/supervise"]
    assert not [line for line in lines if "getty" in line or "askfirst" in line or "/bin/sh" in line]


def test_appliance_is_ended_before_its_data_is_unmounted() -> None:
    text = (ROOTFS / "etc/inittab").read_text(encoding="utf-8")
    order = [line.rsplit(":", 1)[1] for line in text.splitlines() if ":shutdown:" in line]
    assert order == ["/usr/libexec/stratum1/stop", "/etc/init.d/rcK", "/usr/libexec/stratum1/restart"]


@pytest.mark.parametrize("asked", [False, True])
def test_try_of_a_new_system_is_asked_for_after_everything_is_unmounted(box: Box, asked: bool) -> None:
    if asked:
        box.write("run/tryboot", "")
    text = (ROOTFS / "usr/libexec/stratum1/restart").read_text(encoding="utf-8")
    script = text.replace("/run/", f"{box.root}/run/").replace("/usr/bin/stratum1", "stratum1")
    subprocess.run(["sh", "-c", script], env={**os.environ, "PATH": f"{box.tools}:{os.environ['PATH']}"}, check=False)
    assert box.called == ["umount -a -r", *(["stratum1 update restart"] if asked else [])]


def test_only_ram_is_mounted_to_be_written() -> None:
    rows = [line.split() for line in (ROOTFS / "etc/fstab").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    writable = {row[1]: row[2] for row in rows if "ro" not in row[3].split(",")}
    assert set(writable.values()) <= {"tmpfs", "proc", "sysfs", "devpts"}


def test_scripts_can_be_run() -> None:
    for script in [*INIT.iterdir(), *(ROOTFS / "usr/libexec/stratum1").iterdir()]:
        if script.name != "disk":
            assert os.access(script, os.X_OK), script


@pytest.mark.parametrize("script", sorted(path.name for path in INIT.glob("S??*")))
def test_unknown_verb_is_refused_with_the_usage(box: Box, script: str) -> None:
    assert "usage:" in box.run(script, "nonsense", status=1)
    assert box.called == []


def test_announced_ports_are_those_of_the_settings() -> None:
    settings = Settings()
    announced = {}
    for path in (ROOTFS / "etc/avahi/services").glob("*.service"):
        service = ET.parse(path).getroot().find("service")
        assert service is not None
        announced[service.findtext("type")] = int(service.findtext("port") or 0)
    assert announced == {"_ntp._udp": settings.ntp.port, "_http._tcp": settings.web.port}


def test_overlay_keeps_to_a_merged_usr() -> None:
    assert not {path.name for path in ROOTFS.iterdir()} & {"bin", "sbin", "lib", "lib64"}


def test_shellcheck_finds_nothing() -> None:
    need("shellcheck")
    scripts = [path for path in ROOTFS.rglob("*") if path.is_file() and path.read_bytes()[:9] == b"#!/bin/sh"]
    assert len(scripts) >= 10
    checker = shutil.which("shellcheck") or ""
    result = subprocess.run(
        [checker, "-x", "-P", str(ROOTFS), *map(str, scripts)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_the_network_is_left_to_the_program_that_looks_after_it_later(box: Box) -> None:
    box.answer("ip")
    box.run("S40network")
    wanted = {"ip link set lo up", "stratum1 network apply --wait 60"}
    deadline = time.monotonic() + 20
    while not wanted <= set(box.called):
        assert time.monotonic() < deadline, box.called
        time.sleep(0.05)
