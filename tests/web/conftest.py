# SPDX-License-Identifier: MIT
"""A box without a timekeeper: tests write the tracking page themselves and look at what the page makes of it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import CHROMIUM, FLAGS, Served, Timekeeper
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright
from snapshots import Publish
from visiting import welcome

from stratum1 import clock
from stratum1.paths import Paths
from stratum1.tracking import Snapshot, TrackingWriter
from stratum1.web import password as rules
from stratum1.web.app import create_app

AXE_VERSION = "4.14.1"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths(root=tmp_path / "root", run=tmp_path / "run", data=tmp_path / "data")
    for folder in (found.root, found.run, found.data):
        folder.mkdir()
    return found


@pytest.fixture
def publish(paths: Paths) -> Iterator[Publish]:
    """Writes a snapshot as a timekeeper would now: instants are filled in from this machine's clocks."""
    writer: list[TrackingWriter] = []

    def write(snapshot: Snapshot) -> Snapshot:
        if not writer:
            writer.append(TrackingWriter(paths.tracking))
        kernel, monotonic = clock.read()
        snapshot = replace(
            snapshot,
            kernel_ns=kernel,
            realtime_minus_monotonic_ns=kernel - monotonic,
            reference_ns=kernel if snapshot.pulses_accepted else 0,
            last_pulse_ns=kernel if snapshot.pulses_accepted else 0,
            state_since_ns=kernel - 12_000 * 10**9,
        )
        writer[0].write(snapshot)
        return snapshot

    yield write


@pytest.fixture
def owner(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client that has chosen the password and is logged in."""
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)
    return welcome(create_app(paths).test_client())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield found
        found.close()


@pytest.fixture
def timekeeper(publish: Publish) -> Iterator[Timekeeper]:
    found = Timekeeper(publish)
    yield found
    found.dies()


@pytest.fixture
def served(paths: Paths, timekeeper: Timekeeper) -> Iterator[Served]:
    found = Served(paths, streams=2)
    yield found
    found.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker axe-core, fetched once by npm into build/ and held against its hash."""
    folder = Path(__file__).resolve().parents[2] / "build" / "axe"
    bundle = folder / f"axe-core-{AXE_VERSION}.tgz"
    if not bundle.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs npm to fetch axe-core")
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"axe-core@{AXE_VERSION}", "--pack-destination", str(folder)]
        if subprocess.run(command, capture_output=True, timeout=120).returncode != 0:
            pytest.skip("axe-core cannot be fetched by npm here")
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() == AXE_SHA256
    with tarfile.open(bundle) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()
