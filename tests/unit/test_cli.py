# SPDX-License-Identifier: MIT
"""The command line: one line for each mistake, the right exit status, and no room loaded that is not asked for."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stratum1 import cli, clock
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.tracking import Leap, Reason, Snapshot, State, TrackingWriter


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    paths = Paths(tmp_path / "root", tmp_path / "run", tmp_path / "data")
    paths.run.mkdir()
    for key, value in paths.environment().items():
        monkeypatch.setenv(key, value)
    return paths


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """(exit status, output, error)"""
    try:
        status = cli.main(list(argv))
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_leads_to_a_main(verb: str) -> None:
    assert callable(importlib.import_module(cli.VERBS[verb].module).main)


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--help")
    assert status == 0
    for verb, entry in cli.VERBS.items():
        assert f"{verb} " in out
        assert entry.help in out


@pytest.mark.parametrize("argv", [["nonsense"], [], ["--nonsense"]])
def test_what_makes_no_sense_ends_with_2(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    status, out, err = said(capsys, *argv)
    assert (status, out) == (2, "")
    assert "usage: stratum1" in err


@pytest.mark.parametrize("verb", ["supervise", "status", "settings", "demo", "hat"])
def test_a_verb_has_its_own_help(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    status, out, _ = said(capsys, verb, "--help")
    assert status == 0
    assert out.startswith(f"usage: stratum1 {verb}")


@pytest.mark.parametrize("verb", ["version", "--version"])
def test_the_version_is_told(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert said(capsys, verb)[:2] == (0, "stratum1 0.1.0\n")


def test_a_process_loads_its_own_room_alone() -> None:
    program = "import sys; from stratum1.cli import main; main(['status']); print(*sys.modules)"
    environ = {**os.environ, "STRATUM1_RUN": "/nowhere"}
    loaded = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True).stdout.split()
    for room in ("web", "panel", "ntp", "supervisor", "simulator", "discipline"):
        assert f"stratum1.{room}" not in loaded
    assert "flask" not in loaded
    assert "PIL" not in loaded


def test_a_reader_that_goes_away_is_no_crash() -> None:
    program = [sys.executable, "-P", "-m", "stratum1", "settings", "show"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


# status


def test_without_a_timekeeper_status_says_so_and_ends_with_1(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "status")
    assert status == 1
    assert "UNSYNCHRONISED" in out
    assert "The timekeeper is not running." in out


def publish(paths: Paths, **changes: object) -> None:
    import dataclasses

    now, monotonic = clock.read()
    snapshot = Snapshot(
        state=State.LOCKED,
        reason=Reason.TRACKING,
        leap=Leap.NONE,
        stratum=1,
        refid=b"PPS\0",
        kernel_ns=now,
        reference_ns=now,
        bound_ns=2_000,
        realtime_minus_monotonic_ns=now - monotonic,
    )
    TrackingWriter(paths.tracking).write(dataclasses.replace(snapshot, **changes))  # type: ignore[arg-type]


def test_status_of_a_served_time_ends_with_0(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    publish(paths)
    status, out, _ = said(capsys, "status")
    assert status == 0
    assert out.startswith("State ")
    assert "LOCKED" in out
    assert "1 (PPS)" in out


def test_status_for_programs_is_json_with_units_in_its_names(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    publish(paths)
    paths.children_status.write_text('{"web": {"state": "running"}}')
    found = json.loads(said(capsys, "status", "--json")[1])
    assert (found["state"], found["stratum"], found["refid"]) == ("LOCKED", 1, "PPS")
    assert found["bound_ns"] >= 2_000
    assert found["processes"] == {"web": {"state": "running"}}


def test_status_names_processes_in_trouble(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    children = {
        "responder": {"state": "restarting", "why": "UDP port 123 is taken"},
        "panel": {"state": "off", "why": "switched off in the settings"},
        "web": {"state": "running", "why": "did not answer for 10 s"},
    }
    paths.children_status.write_text(json.dumps(children))
    out = said(capsys, "status")[1]
    assert "responder is restarting: UDP port 123 is taken" in out
    assert "panel" not in out
    assert "web" not in out


@pytest.mark.parametrize("damage", ["", "{", "[]", "null"])
def test_a_damaged_file_of_the_supervisor_is_no_crash(
    paths: Paths, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    paths.children_status.write_text(damage)
    assert json.loads(said(capsys, "status", "--json")[1])["processes"] == {}


# settings


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("ntp.port", "11123", 11123),
        ("ntp.ipv6", "false", False),
        ("timekeeper.bound_limit_ms", "5", 5.0),
        ("ntp.allow", "local,10.0.0.0/8", ("local", "10.0.0.0/8")),
        ("ntp.allow", '["local"]', ("local",)),
        ("receiver.device", "123", "123"),
        ("receiver.device", "true", "true"),
        ("system.zone", "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_setting_is_set_by_its_key_and_read_back(
    paths: Paths, capsys: pytest.CaptureFixture[str], key: str, text: str, value: object
) -> None:
    assert said(capsys, "settings", "set", key, text) == (0, "", "")
    section, name = key.split(".")
    assert getattr(getattr(load(paths.settings).settings, section), name) == value
    shown = "false" if value is False else ",".join(value) if isinstance(value, tuple) else str(value)
    assert said(capsys, "settings", "get", key) == (0, shown + "\n", "")


@pytest.mark.parametrize(
    "argv",
    [
        ["set", "ntp.port", "0"],
        ["set", "ntp.port", "many"],
        ["set", "ntp.prot", "5"],
        ["set", "port", "5"],
        ["get", "ntp"],
        ["get", "no.such"],
        ["set", "ntp.allow", "10.0.0.0/99"],
    ],
)
def test_a_bad_key_or_value_is_one_line_and_status_2(
    paths: Paths, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    status, out, err = said(capsys, "settings", *argv)
    assert (status, out) == (2, "")
    assert err.startswith(f"stratum1 settings: {argv[1]}: ")
    assert err.count("\n") == 1
    assert not paths.settings.exists()


def test_show_explains_every_key_and_marks_what_was_changed(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    save(paths.settings, Settings().changed("ntp.port", 11123))
    out = said(capsys, "settings", "show")[1]
    assert "ntp.port = 11123   (default 123)\n    UDP port on which time is served." in out
    assert "web.port = 80\n" in out


def test_check_judges_a_file(paths: Paths, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "settings", "check")[0] == 0
    bad = tmp_path / "bad.toml"
    bad.write_text("[ntp]\nport = 0\n[web]\nprot = 1\n")
    status, _, err = said(capsys, "settings", "check", str(bad))
    assert status == 2
    assert [line.split(": ")[1] for line in err.splitlines()] == ["ntp.port", "web.prot"]


def test_a_damaged_file_in_force_is_told_and_mended_by_setting(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    save(paths.settings, Settings().changed("web.port", 8080))
    paths.settings.write_text("[web")
    status, out, err = said(capsys, "settings", "get", "web.port")
    assert (status, out) == (0, "8080\n")
    assert "last good" in err
    said(capsys, "settings", "set", "ntp.port", "11123")
    assert load(paths.settings).problem == ""
    assert load(paths.settings).settings.web.port == 8080


# demo


def test_a_folder_with_too_long_a_name_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = said(capsys, "demo", "--dir", str(tmp_path / ("x" * 100)))
    assert status == 2
    assert "too long" in err


def test_a_folder_that_cannot_be_made_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, err = said(capsys, "demo", "--dir", str(tmp_path / "file" / "demo"))
    assert status == 2
    assert err.count("\n") == 1
    assert "Not a directory" in err
