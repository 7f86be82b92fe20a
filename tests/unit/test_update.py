# SPDX-License-Identifier: MIT
"""An update is taken only when it is signed and whole, never harms what runs, and must prove itself to be kept."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratum1.paths import Paths
from stratum1.supervisor.renewal import GIVEN_UP_S, PROVEN_S, Renewal
from stratum1.update import UpdateError, bundle
from stratum1.update.install import install, rollback
from stratum1.update.progress import Progress, read_progress, write_progress
from stratum1.update.slots import Slots

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl signs and verifies")

TOP = Path(__file__).resolve().parents[2]
LINE = b"root=PARTUUID=53545231-05 ro"
BOOT = b"\xeb\x3c\x90" + bytes(70_000) + LINE + bytes(3_000_000)
ROOT = b"hsqs" + bytes(range(256)) * 9_000
DIGIT = BOOT.index(LINE) + LINE.index(b"5 ro")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("own", "other"):
        key = folder / f"{name}.key"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / f"{name}.pem"], check=True)
    return folder


@pytest.fixture
def slots(tmp_path: Path, keys: Path) -> Slots:
    """A card whose slot A runs."""
    (tmp_path / "setup").mkdir()
    (tmp_path / "setup/autoboot.txt").write_text(
        "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
    )
    partitions = {number: tmp_path / f"p{number}" for number in (2, 3, 5, 6)}
    for device in partitions.values():
        device.write_bytes(b"\xa5" * 4_000_000)
    return Slots(
        running="A",
        partitions=partitions,
        setup=tmp_path / "setup",
        record=tmp_path / "slots.json",
        key=keys / "own.pem",
        board="rpi64",
        version="1.0",
        mount=("true",),
    )


Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, keys: Path) -> Make:
    def make(key: str = "own", change: Callable[[dict[str, Any]], None] = lambda _: None, **parts: bytes) -> Path:
        boot, root = parts.get("boot", BOOT), parts.get("root", ROOT)
        manifest: dict[str, Any] = {
            "format": 1, "version": "2.0", "board": "rpi64", "made": 1_790_000_000,
            "parts": {
                "boot": {"size": len(BOOT), "sha256": hashlib.sha256(BOOT).hexdigest(), "slot_digit": DIGIT},
                "root": {"size": len(ROOT), "sha256": hashlib.sha256(ROOT).hexdigest()},
            },
        }  # fmt: skip
        change(manifest)
        text, seal, out = tmp_path / "m.json", tmp_path / "m.sig", tmp_path / "new.update"
        text.write_text(json.dumps(manifest))
        subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-inkey", keys / f"{key}.key", "-rawin", "-in", text, "-out", seal],
            check=True,
        )
        content = {"manifest.json": text.read_bytes(), "manifest.sig": seal.read_bytes()}
        with tarfile.open(out, "w") as archive:
            for name, data in {**content, "boot.gz": gzip.compress(boot, 1), "root": root}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return out

    return make


def slot_b(slots: Slots) -> tuple[bytes, bytes]:
    return slots.partitions[3].read_bytes(), slots.partitions[6].read_bytes()


def running_slot(slots: Slots) -> tuple[bytes, bytes, str]:
    return slots.partitions[2].read_bytes(), slots.partitions[5].read_bytes(), slots.default


def test_good_bundle_fills_the_other_slot_which_then_names_its_own_root(slots: Slots, make: Make) -> None:
    before = running_slot(slots)
    assert install(make(), slots).version == "2.0"
    boot, root = slot_b(slots)
    assert boot[: len(BOOT)] == BOOT.replace(b"53545231-05", b"53545231-06")
    assert root[: len(ROOT)] == ROOT
    assert running_slot(slots) == before
    assert slots.standing().other_version == "2.0"


def test_slot_a_gets_its_own_name_again(slots: Slots, make: Make) -> None:
    slots.make_default("B")
    install(make(boot=BOOT), replace(slots, running="B"))
    assert LINE in slots.partitions[2].read_bytes()


def test_what_a_bundle_says_is_known_before_it_is_installed(slots: Slots, make: Make) -> None:
    manifest = bundle.check(make(), slots.key)
    assert (manifest.version, manifest.board, manifest.size) == ("2.0", "rpi64", len(BOOT) + len(ROOT))


def test_every_byte_is_told_once_written_and_once_read_back(slots: Slots, make: Make) -> None:
    told: list[Progress] = []
    install(make(), slots, told.append)
    assert [entry.done for entry in told] == sorted(entry.done for entry in told)
    assert told[-1].done == told[-1].total == 2 * (len(BOOT) + len(ROOT))
    assert {entry.step for entry in told} == {"checking", "writing", "reading back"}


class TestRefused:
    """Nothing of these is ever started: slot B holds no system afterwards, and A is as it was."""

    @pytest.fixture(autouse=True)
    def nothing_changed(self, slots: Slots) -> Any:
        before = running_slot(slots)
        yield
        assert running_slot(slots) == before
        assert slots.standing().other_version == ""
        with pytest.raises(UpdateError, match="holds no system"):
            rollback(slots)

    def refuse(self, slots: Slots, path: Path, why: str) -> None:
        with pytest.raises(UpdateError, match=why) as caught:
            install(path, slots)
        assert "\n" not in str(caught.value)

    def untouched(self, slots: Slots) -> None:
        assert slot_b(slots) == (b"\xa5" * 4_000_000, b"\xa5" * 4_000_000)

    def test_signed_by_somebody_else(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(key="other"), "signature")
        self.untouched(slots)

    def test_manifest_changed_after_it_was_signed(self, slots: Slots, make: Make) -> None:
        path = make()
        path.write_bytes(path.read_bytes().replace(b'"2.0"', b'"3.0"'))
        self.refuse(slots, path, "signature")
        self.untouched(slots)

    def test_system_without_a_key(self, slots: Slots, make: Make) -> None:
        self.refuse(replace(slots, key=slots.setup / "none.pem"), make(), "without a key")

    def test_for_another_board(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(change=lambda manifest: manifest.update(board="qemu")), "made for qemu")
        self.untouched(slots)

    def test_of_a_later_format(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(change=lambda manifest: manifest.update(format=2)), "format 2")

    def test_too_big_for_its_slot(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(change=lambda manifest: manifest["parts"]["root"].update(size=9_000_000)), "its slot")
        self.untouched(slots)

    def test_root_that_is_not_what_was_signed(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(root=ROOT[:-1] + b"!"), "damaged")

    def test_root_that_is_too_short(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(root=ROOT[:-1]), "missing")

    def test_root_that_is_too_long(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(root=ROOT + b"!"), "longer")

    def test_boot_that_is_not_what_was_signed(self, slots: Slots, make: Make) -> None:
        self.refuse(slots, make(boot=BOOT[:-1] + b"!"), "damaged")

    def test_place_of_the_slot_that_is_none(self, slots: Slots, make: Make) -> None:
        def wrong(manifest: dict[str, Any]) -> None:
            manifest["parts"]["boot"].update(slot_digit=DIGIT + 1)

        self.refuse(slots, make(change=wrong), "where none is")

    @pytest.mark.parametrize("content", [b"", b"nonsense" * 1000])
    def test_something_else(self, slots: Slots, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.update"
        path.write_bytes(content)
        self.refuse(slots, path, "x.update")
        self.untouched(slots)

    def test_card_that_forgets(self, slots: Slots, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "posix_fadvise", lambda *_: slots.partitions[6].write_bytes(bytes(4_000_000)))
        self.refuse(slots, make(), "worn out")

    def test_upload_that_broke_off(self, slots: Slots, make: Make) -> None:
        path = make()
        os.truncate(path, path.stat().st_size // 2)
        self.refuse(slots, path, "new.update|missing|unexpected end|written")

    def test_while_the_running_one_is_on_trial(self, slots: Slots, make: Make) -> None:
        slots.make_default("B")
        with pytest.raises(UpdateError, match="on trial"):
            install(make(), slots)
        slots.make_default("A")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2_000), bit=st.integers(0, 7))
def test_no_flipped_bit_in_manifest_or_signature_is_taken(slots: Slots, make: Make, place: int, bit: int) -> None:
    path = make()
    whole = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        spans = [(member.offset_data, member.size) for member in archive.getmembers()[:2]]
    start, size = spans[place % 2]
    whole[start + place % size] ^= 1 << bit
    path.write_bytes(whole)
    with pytest.raises(UpdateError):
        bundle.check(path, slots.key)


def test_old_slot_starts_until_the_new_one_is_confirmed(slots: Slots, make: Make) -> None:
    install(make(), slots)
    assert slots.default == "A"
    tried = replace(slots, running="B")
    assert tried.standing().on_trial
    assert tried.confirm()
    assert slots.default == "B"
    assert not tried.standing().on_trial
    assert not tried.confirm()


def test_autoboot_keeps_its_length_and_its_place_on_the_card(slots: Slots) -> None:
    file = slots.setup / "autoboot.txt"
    before = file.stat()
    slots.make_default("B")
    after = file.stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert file.read_text() == "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n"


def test_setup_partition_that_cannot_be_written_is_said(slots: Slots) -> None:
    with pytest.raises(UpdateError, match="cannot be mounted for writing"):
        replace(slots, mount=("false",)).make_default("B")
    assert slots.default == "A"


def test_owner_can_go_back(slots: Slots, make: Make) -> None:
    install(make(), slots)
    assert rollback(slots) == "B"
    assert rollback(replace(slots, running="B")) == "A"


class TestOnTrial:
    @pytest.fixture
    def renewal(self, slots: Slots, tmp_path: Path) -> Renewal:
        self.said: list[str] = []
        self.slots = slots
        paths = Paths(root=tmp_path, run=tmp_path, data=tmp_path)
        return Renewal(paths, self.said.append, replace(slots, running="B"))

    def test_kept_when_everything_ran_long_enough(self, renewal: Renewal) -> None:
        for now in range(int(PROVEN_S)):
            renewal.turn(float(now), fit=True)
            assert self.slots.default == "A"
        renewal.turn(PROVEN_S, fit=True)
        assert self.slots.default == "B"

    def test_every_break_counts_anew(self, renewal: Renewal) -> None:
        for now in range(0, int(GIVEN_UP_S) - 1, 60):
            renewal.turn(float(now), fit=now % 120 == 0)
        assert self.slots.default == "A"

    def test_given_up_when_it_does_not_prove_itself(self, renewal: Renewal, monkeypatch: pytest.MonkeyPatch) -> None:
        restarts: list[bool] = []
        monkeypatch.setattr(Renewal, "_restart", staticmethod(lambda: restarts.append(True)))
        for now in (0.0, GIVEN_UP_S - 1):
            renewal.turn(now, fit=False)
        assert restarts == []
        renewal.turn(GIVEN_UP_S, fit=False)
        assert restarts == [True]
        assert self.slots.default == "A"

    def test_confirmed_system_is_left_alone(self, slots: Slots, tmp_path: Path) -> None:
        renewal = Renewal(Paths(root=tmp_path, run=tmp_path, data=tmp_path), print, slots)
        for now in (0.0, 10_000.0):
            renewal.turn(now, fit=False)
        assert not renewal.on_trial


class TestThisMachine:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> Paths:
        """An appliance that was started from slot B of its card."""
        major, minor = os.major(tmp_path.stat().st_dev), os.minor(tmp_path.stat().st_dev)
        block = tmp_path / "sys/devices/mmc/mmcblk0"
        for number in (1, 2, 3, 5, 6, 7):
            (block / f"mmcblk0p{number}").mkdir(parents=True)
            (block / f"mmcblk0p{number}/partition").write_text(f"{number}\n")
        (tmp_path / "sys/dev/block").mkdir(parents=True)
        (tmp_path / f"sys/dev/block/{major}:{minor}").symlink_to(block / "mmcblk0p6")
        for folder in ("etc", "proc", "boot", "data"):
            (tmp_path / folder).mkdir()
        (tmp_path / "etc/os-release").write_text('NAME="stratum1"\nID=stratum1\nVERSION_ID=1.0\nVARIANT_ID=rpi64\n')
        (tmp_path / "proc/cmdline").write_text("coherent_pool=1M root=PARTUUID=53545231-06 rootfstype=squashfs ro\n")
        (tmp_path / "boot/autoboot.txt").write_text("[all]\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
        return Paths(root=tmp_path, run=tmp_path, data=tmp_path / "data")

    def test_slots_are_found(self, paths: Paths) -> None:
        slots = Slots.of(paths)
        assert (slots.running, slots.default, slots.board, slots.version) == ("B", "A", "rpi64", "1.0")
        assert slots.device(5) == paths.dev / "mmcblk0p5"
        assert slots.standing().on_trial

    @pytest.mark.parametrize(
        ("file", "text", "why"),
        [("proc/cmdline", "root=/dev/sda1 ro\n", "none of the two"), ("etc/os-release", "ID=debian\n", "not started")],
    )
    def test_other_machines_have_none(self, paths: Paths, file: str, text: str, why: str) -> None:
        (paths.root / file).write_text(text)
        with pytest.raises(UpdateError, match=why):
            Slots.of(paths)

    def test_page_reads_how_far_it_is(self, paths: Paths) -> None:
        assert read_progress(paths) is None
        progress = Progress("writing", 5, 10, "2.0")
        write_progress(paths, progress)
        assert read_progress(paths) == progress
