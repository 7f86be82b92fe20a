# SPDX-License-Identifier: MIT
"""Settings: defaults without a file, bad keys named by their path, and no way to lose a good file."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.settings import Settings, SettingsError, load, migrate, save, store
from stratum1.settings.migrate import CURRENT, STEPS


def problems(tables: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_tables(tables)
    return caught.value.problems


def every_key() -> list[tuple[str, dataclasses.Field[Any]]]:
    return [
        (f"{section.name}.{key.name}", key)
        for section in dataclasses.fields(Settings)
        for key in dataclasses.fields(section.default_factory)  # type: ignore[arg-type,misc]
    ]


def test_without_secrets_every_secret_has_its_default_and_the_rest_stays() -> None:
    changed = Settings().changed("ntp.port", 124)
    for path, key in every_key():
        if key.metadata["secret"]:
            changed = changed.changed(path, "hidden-from-all")
    assert "hidden-from-all" not in store.text(changed.without_secrets())
    assert changed.without_secrets().ntp.port == 124


def test_whoever_writes_it_leaves_the_file_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chown(tmp_path, 12345, 12345)
    save(tmp_path / "stratum1.toml", Settings())
    assert {each.stat().st_uid for each in tmp_path.iterdir()} == {12345}


def test_no_file_is_needed(tmp_path: Path) -> None:
    loaded = load(tmp_path / "none.toml")
    assert loaded.settings == Settings()
    assert loaded.problem == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tables", "path", "says"),
    [
        ({"nptd": {}}, "nptd", "unknown section"),
        ({"ntp": 5}, "ntp", "section"),
        ({"ntp": {"prot": 123}}, "ntp.prot", "unknown key"),
        ({"ntp": {"port": 0}}, "ntp.port", "at least 1"),
        ({"ntp": {"port": 65536}}, "ntp.port", "at most 65535"),
        ({"ntp": {"port": "123"}}, "ntp.port", "whole number"),
        ({"ntp": {"port": True}}, "ntp.port", "whole number"),
        ({"ntp": {"port": 1.5}}, "ntp.port", "whole number"),
        ({"ntp": {"ipv4": 1}}, "ntp.ipv4", "true or false"),
        ({"ntp": {"allow": "local"}}, "ntp.allow", "list of texts"),
        ({"ntp": {"allow": ["local", 5]}}, "ntp.allow", "list of texts"),
        ({"ntp": {"allow": ["192.168.1.0/33"]}}, "ntp.allow", "192.168.1.0/24"),
        ({"ntp": {"allow": ["192.168.1.7/24"]}}, "ntp.allow", "host bits"),
        ({"timekeeper": {"steer": "both"}}, "timekeeper.steer", "kernel, none"),
        ({"timekeeper": {"bound_limit_ms": math.nan}}, "timekeeper.bound_limit_ms", "nan"),
        ({"timekeeper": {"bound_limit_ms": math.inf}}, "timekeeper.bound_limit_ms", "at most"),
        ({"system": {"name": "a b"}}, "system.name", "host name"),
        ({"system": {"name": "-"}}, "system.name", "host name"),
        ({"system": {"zone": "Europe/Atlantis"}}, "system.zone", "time zone"),
        ({"system": {"zone": "../../etc/passwd"}}, "system.zone", "time zone"),
        ({"web": {"address": "example"}}, "web.address", "IP address"),
        ({"receiver": {"device": "/dev/tty\n"}}, "receiver.device", "control"),
    ],
)
def test_what_is_bad_is_named_by_its_path(tables: dict[str, Any], path: str, says: str) -> None:
    found = problems(tables)
    assert list(found) == [path]
    assert says in found[path]
    assert "\n" not in found[path]


def test_every_bad_key_is_told_at_once() -> None:
    assert set(problems({"ntp": {"port": 0, "x": 1}, "web": {"port": "a"}})) == {"ntp.port", "ntp.x", "web.port"}


@pytest.mark.parametrize(("path", "field"), every_key(), ids=[path for path, _ in every_key()])
def test_every_key_says_what_it_does_and_takes_its_own_default(path: str, field: dataclasses.Field[Any]) -> None:
    assert field.metadata["help"].endswith(".")
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    assert Settings().changed(path, default) == Settings()


@pytest.mark.parametrize(("path", "field"), every_key(), ids=[path for path, _ in every_key()])
def test_limits_are_inclusive_and_kept(path: str, field: dataclasses.Field[Any]) -> None:
    kind = type(field.default)
    for limit, beyond in ((field.metadata["minimum"], -1), (field.metadata["maximum"], 1)):
        if limit is not None:
            Settings().changed(path, kind(limit))
            with pytest.raises(SettingsError, match=path):
                Settings().changed(path, kind(limit + beyond))


@pytest.mark.parametrize("path", ["ntp", "", "ntp.", ".port", "ntp.port.x", "no.such"])
def test_changing_what_does_not_exist_is_refused(path: str) -> None:
    with pytest.raises(SettingsError):
        Settings().changed(path, 1)


def test_a_change_leaves_the_old_settings_alone() -> None:
    old = Settings()
    new = old.changed("ntp.port", 11123)
    assert (old.ntp.port, new.ntp.port) == (123, 11123)


# The file


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "data" / "stratum1.toml"
    settings = Settings().changed("ntp.allow", ["10.0.0.0/8", "local"]).changed("system.name", "clock")
    settings = settings.changed("timekeeper.holdover_limit_h", 2)
    save(path, settings)
    assert load(path) == store.Loaded(settings)
    assert path.stat().st_mode & 0o777 == 0o600, "it may hold passwords"


@given(
    port=st.integers(1, 65535),
    limit=st.floats(0.01, 1000),
    device=st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    serving=st.booleans(),
)
def test_any_good_value_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, port: int, limit: float, device: str, serving: bool
) -> None:
    settings = Settings()
    for key, value in {
        "ntp.port": port,
        "timekeeper.bound_limit_ms": limit,
        "receiver.device": device,
        "timekeeper.serving": serving,
    }.items():
        settings = settings.changed(key, value)
    path = tmp_path_factory.mktemp("settings") / "s.toml"
    save(path, settings)
    assert load(path).settings == settings


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe\0",
        b"[ntp\nport = 1",
        b"[ntp]\nport = 0\n",
        b"[ntp]\nprot = 5\n",
        b"version = 99\n",
        b"version = '1'",
    ],
)
def test_a_damaged_file_falls_back_to_the_last_good_one_and_says_so(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "stratum1.toml"
    good = Settings().changed("ntp.port", 11123)
    save(path, good)
    path.write_bytes(damage)
    loaded = load(path)
    if damage == b"":
        # An empty file is a good file: every setting at its default.
        assert loaded == store.Loaded(Settings())
        return
    assert loaded.settings == good
    assert str(path) in loaded.problem
    assert "last good" in loaded.problem
    assert "\n" not in loaded.problem
    assert path.read_bytes() == damage, "a person's file is not overwritten"


def test_without_a_good_copy_the_defaults_serve(tmp_path: Path) -> None:
    path = tmp_path / "stratum1.toml"
    path.write_bytes(b"[ntp")
    loaded = load(path)
    assert loaded.settings == Settings()
    assert "defaults" in loaded.problem


def test_a_file_edited_by_hand_becomes_the_good_copy_once_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "stratum1.toml"
    path.write_text("[ntp]\nport = 10123 # mine\n")
    load(path)
    path.write_text("[ntp")
    assert load(path).settings.ntp.port == 10123


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "stratum1.toml").mkdir()
    loaded = load(tmp_path / "stratum1.toml")
    assert loaded.settings == Settings()
    assert loaded.problem


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_cut_during_saving_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "stratum1.toml"
    old = Settings().changed("ntp.port", 1001)
    save(path, old)

    def cut(*_: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(os, call, cut)
        with pytest.raises(PowerCutError):
            save(path, old.changed("ntp.port", 1002))
    assert load(path).settings == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["stratum1.toml", "stratum1.toml.good"]


def test_two_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "stratum1.toml"

    def write(port: int) -> None:
        for _ in range(20):
            save(path, Settings().changed("ntp.port", port))

    threads = [threading.Thread(target=write, args=(port,)) for port in (1001, 1002)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loaded = load(path)
    assert loaded.problem == ""
    assert loaded.settings.ntp.port in (1001, 1002)


# Migrations


def test_there_is_a_step_for_every_old_version() -> None:
    assert set(STEPS) == set(range(1, CURRENT))


def test_an_old_file_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(tables: dict[str, Any]) -> dict[str, Any]:
        return {("ntp" if name == "server" else name): table for name, table in tables.items()}

    def move(tables: dict[str, Any]) -> dict[str, Any]:
        return {**tables, "ntp": {"port": tables["ntp"]["udp"]}}

    monkeypatch.setattr(migrate, "CURRENT", 3)
    monkeypatch.setattr(migrate, "STEPS", {1: rename, 2: move})
    assert migrate.migrate({"version": 1, "server": {"udp": 5}}) == {"ntp": {"port": 5}}
    assert migrate.migrate({"version": 3, "ntp": {"port": 5}}) == {"ntp": {"port": 5}}


@pytest.mark.parametrize("version", [0, -1, CURRENT + 1, "1", True, 1.0])
def test_an_unknown_version_is_refused(version: object) -> None:
    with pytest.raises(SettingsError, match="version"):
        migrate.migrate({"version": version})
