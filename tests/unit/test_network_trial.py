# SPDX-License-Identifier: MIT
"""A network change that nobody confirms is taken back, whatever crashes or loses power meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.netconfig.trial import NOBODY, RESTARTED, TRIAL_S, Trials, left_s
from stratum1.orders import factory_reset
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.settings.network import Network

OLD = Network()
NEW = Network(ipv4="static", ipv4_address="192.168.1.5/24")
OTHER = Network(vlan=7)


class Appliance:
    """A data partition and a run folder, and a supervisor that looks once a second."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(root=folder / "root", run=folder / "run" / "stratum1", data=folder / "data")
        for place in (self.paths.run, self.paths.data):
            place.mkdir(parents=True)
        self.now = 1000.0
        self.said: list[str] = []
        self.crash()
        self.turn()

    def crash(self) -> None:
        """The supervisor is started anew; the machine runs on."""
        self.trials = Trials(self.paths, self.said.append)

    def power_cut(self) -> None:
        shutil.rmtree(self.paths.run.parent)
        self.paths.run.mkdir(parents=True)
        self.now = 5.0
        self.crash()

    def set(self, network: Network) -> None:
        save(self.paths.settings, replace(load(self.paths.settings).settings, network=network))

    def turn(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.trials.turn(self.now, load(self.paths.settings).settings)

    @property
    def stored(self) -> Network:
        return load(self.paths.settings).settings.network

    @property
    def in_force(self) -> Network:
        return self.trials.in_force(load(self.paths.settings).settings)

    @property
    def mark(self) -> str:
        trial = self.trials.trial()
        assert trial is not None
        return trial.mark


@pytest.fixture
def box(tmp_path: Path) -> Appliance:
    return Appliance(tmp_path)


def test_a_new_box_takes_what_is_set_without_a_trial(tmp_path: Path) -> None:
    paths = Paths(root=tmp_path, run=tmp_path / "run", data=tmp_path / "data")
    paths.data.mkdir()
    trials = Trials(paths, lambda _: None)
    trials.turn(5.0, Settings(network=NEW))
    assert trials.trial() is None and trials.kept() == NEW


def test_a_change_is_in_force_at_once_and_gone_after_a_minute(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    assert box.in_force == NEW and left_s(box.trials.as_dict(), box.now) == TRIAL_S
    box.turn(TRIAL_S - 1)
    assert box.in_force == NEW
    box.turn(2)
    assert box.in_force == box.stored == OLD
    assert box.trials.as_dict()["said"] == NOBODY.format(seconds=TRIAL_S) and box.said[-1] == box.trials.said
    box.turn()
    assert box.trials.trial() is None


def test_what_is_confirmed_stays_even_after_a_power_cut(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    assert box.trials.confirm(box.mark)
    box.turn(TRIAL_S * 2)
    assert box.in_force == box.stored == NEW and box.trials.said == ""
    box.power_cut()
    box.turn()
    assert box.in_force == box.stored == NEW


def test_a_restart_of_the_supervisor_neither_ends_nor_lengthens_a_trial(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    box.turn(40)
    box.crash()
    box.turn()
    assert box.in_force == NEW and left_s(box.trials.as_dict(), box.now) == TRIAL_S - 41
    box.crash()
    box.turn(30)
    assert box.in_force == box.stored == OLD


@pytest.mark.parametrize("noticed", [True, False])
def test_a_power_cut_ends_a_trial_even_when_it_comes_before_the_change_is_noticed(
    box: Appliance, noticed: bool
) -> None:
    box.set(NEW)
    if noticed:
        box.turn()
    box.power_cut()
    assert box.in_force == OLD, "the start script may come before the supervisor"
    box.turn()
    assert box.in_force == box.stored == OLD
    assert box.trials.said == RESTARTED


def test_a_late_confirmation_counts_for_no_other_trial(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    late = box.mark
    box.set(OTHER)
    box.turn()
    assert not box.trials.confirm(late)
    assert box.in_force == OTHER and box.trials.kept() == OLD
    box.turn(TRIAL_S + 1)
    assert not box.trials.confirm(late) and box.stored == OLD


def test_who_puts_the_old_settings_back_needs_no_trial(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    box.set(OLD)
    box.turn()
    assert box.trials.trial() is None and box.in_force == OLD


def test_going_back_at_once_leaves_all_other_settings(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    save(box.paths.settings, load(box.paths.settings).settings.changed("ntp.port", 11123))
    box.trials.back()
    assert box.stored == OLD and load(box.paths.settings).settings.ntp.port == 11123


def test_the_same_may_be_tried_again(box: Appliance) -> None:
    for _ in range(2):
        box.set(NEW)
        box.turn()
        assert box.in_force == NEW
        box.turn(TRIAL_S + 1)
        box.turn()
        assert box.in_force == OLD


def test_settings_that_cannot_be_put_back_are_over_all_the_same(
    box: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.set(NEW)
    box.turn()

    def full(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("stratum1.netconfig.trial.save", full)
    with pytest.raises(OSError, match="Read-only"):
        box.turn(TRIAL_S + 1)
    box.turn()
    assert box.stored == NEW and box.in_force == OLD


def test_a_factory_reset_needs_no_confirmation(box: Appliance) -> None:
    box.set(NEW)
    box.turn()
    box.trials.confirm(box.mark)
    factory_reset(box.paths)
    box.turn()
    assert box.trials.trial() is None and box.in_force == OLD


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{}", b'{"vlan": 5000}', b'{"wanted": {"vlan": 1}}'])
def test_a_damaged_note_is_none(box: Appliance, content: bytes) -> None:
    (box.paths.network_run / "trial.json").write_bytes(content)
    assert box.trials.trial() is None
    box.paths.network_kept.write_bytes(content)
    box.turn()
    assert box.in_force == box.stored == OLD


def test_nothing_secret_is_shown(box: Appliance) -> None:
    box.set(Network(wifi_ssid="home", wifi_passphrase="hush hush"))
    box.turn()
    assert "hush" not in str(box.trials.as_dict()) + str(box.said)
    assert box.paths.network_kept.stat().st_mode & 0o077 == 0


EVENTS: dict[str, Callable[[Appliance], object]] = {
    "crash": Appliance.crash,
    "power cut": Appliance.power_cut,
    "second": Appliance.turn,
    "minute": lambda box: box.turn(TRIAL_S + 1),
    "new": lambda box: box.set(NEW),
    "other": lambda box: box.set(OTHER),
}


@given(events=st.lists(st.sampled_from(sorted(EVENTS)), max_size=12))
@rounds(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_without_a_confirmation_the_old_network_comes_back(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    box = Appliance(tmp_path_factory.mktemp("box"))
    for event in events:
        EVENTS[event](box)
    box.turn()
    box.turn(TRIAL_S + 1)
    box.turn()
    assert box.in_force == box.stored == OLD
