# SPDX-License-Identifier: MIT
"""What the timekeeper reads and keeps besides: the thermometer and the stored drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratum1.discipline import StoredDrift
from stratum1.timekeeper import store
from stratum1.timekeeper.thermometer import READ_EVERY_NS, Thermometer

DRIFT = StoredDrift(-1.5e-5, 2e-9, 3e-8, 41_000, 1_800_000_000_000_000_000)


def zone(sys: Path, name: str, kind: str, temperature: str) -> Path:
    folder = sys / "class" / "thermal" / name
    folder.mkdir(parents=True)
    (folder / "type").write_text(kind + "\n")
    (folder / "temp").write_text(temperature + "\n")
    return folder / "temp"


def test_the_processors_zone_is_read(tmp_path: Path) -> None:
    zone(tmp_path, "thermal_zone0", "acpitz", "20000")
    zone(tmp_path, "thermal_zone1", "cpu-thermal", "47312")
    assert Thermometer(tmp_path).read(0) == 47312


def test_any_zone_is_better_than_none(tmp_path: Path) -> None:
    zone(tmp_path, "thermal_zone0", "acpitz", "20000")
    assert Thermometer(tmp_path).read(0) == 20000


def test_no_zone_is_no_temperature(tmp_path: Path) -> None:
    assert Thermometer(tmp_path).read(0) is None
    assert Thermometer(tmp_path / "nothing").read(0) is None


def test_it_is_read_again_after_five_seconds_only(tmp_path: Path) -> None:
    file = zone(tmp_path, "thermal_zone0", "cpu-thermal", "40000")
    thermometer = Thermometer(tmp_path)
    assert thermometer.read(0) == 40000
    file.write_text("41000\n")
    assert thermometer.read(READ_EVERY_NS - 1) == 40000
    assert thermometer.read(READ_EVERY_NS) == 41000


@pytest.mark.parametrize("reading", ["", "hot", "-274000", "99999999"])
def test_a_reading_that_cannot_be_is_no_temperature(tmp_path: Path, reading: str) -> None:
    zone(tmp_path, "thermal_zone0", "cpu-thermal", reading)
    assert Thermometer(tmp_path).read(0) is None


def test_a_drift_that_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "drift.json"
    store.save(path, DRIFT)
    assert store.load(path) == (DRIFT, "")
    assert [file.name for file in path.parent.iterdir()] == ["drift.json"]


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert store.load(tmp_path / "drift.json") == (None, "")


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"frequency": "fast"}', b'{"frequency": 1}', b"7" * 100_000]
)
def test_a_damaged_file_is_told_and_not_believed(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "drift.json"
    path.write_bytes(damage)
    drift, problem = store.load(path)
    assert drift is None
    assert str(path) in problem
    assert "\n" not in problem


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "drift.json"
    store.save(path, DRIFT)
    (tmp_path / "drift.json.new").mkdir()
    with pytest.raises(OSError):
        store.save(path, StoredDrift(0.0, 1e-9, None, None, 0))
    assert store.load(path) == (DRIFT, "")
