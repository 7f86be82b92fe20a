# SPDX-License-Identifier: MIT
"""Nobody locks himself out of the page: a new address that is not confirmed from there is given up."""

from __future__ import annotations

import threading

import pytest

from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.web.trial import Trial

PATIENCE_S = 20.0


@pytest.fixture
def moved(paths: Paths) -> Trial:
    """The page was on port 8080 and is stored for port 9090."""
    old = Settings().changed("web.port", 8080).changed("ntp.port", 11123)
    save(paths.settings, old)
    trial = Trial(paths)
    trial.begin(old.web)
    save(paths.settings, old.changed("web.port", 9090))
    return trial


def test_without_a_word_the_old_address_comes_back_and_nothing_else_is_lost(moved: Trial, paths: Paths) -> None:
    back = threading.Event()
    moved.watch(0.01, back.set)
    assert back.wait(PATIENCE_S)
    settings = load(paths.settings).settings
    assert (settings.web.port, settings.ntp.port) == (8080, 11123)
    assert moved.pending is None and not moved.here


def test_a_confirmed_address_stays(moved: Trial, paths: Paths) -> None:
    moved.watch(3600, lambda: None)
    assert moved.here
    moved.confirm()
    assert not moved.here and moved.pending is None
    assert not moved.revert()
    assert load(paths.settings).settings.web.port == 9090


def test_of_two_changes_in_a_row_the_last_confirmed_address_counts(moved: Trial, paths: Paths) -> None:
    moved.begin(load(paths.settings).settings.web)
    assert moved.pending is not None and moved.pending.port == 8080


def test_a_trial_outlives_a_power_cut(moved: Trial, paths: Paths) -> None:
    assert Trial(paths).revert()
    assert load(paths.settings).settings.web.port == 8080


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"port": 0}', b'{"x": 1}'])
def test_a_damaged_note_is_none(paths: Paths, content: bytes) -> None:
    paths.web_trial.write_bytes(content)
    assert Trial(paths).pending is None and not Trial(paths).revert()
