# SPDX-License-Identifier: MIT
"""What the buttons order is done: by the panel where it may, else by the supervisor."""

from __future__ import annotations

import signal

import pytest

from stratum1.panel.process import carry_out, find_glass
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.supervisor import supervisor
from stratum1.supervisor.supervisor import Supervisor


@pytest.fixture
def paths(tmp_path):
    return Paths(root=tmp_path, run=tmp_path, data=tmp_path)


@pytest.mark.parametrize(
    ("glass", "controller"),
    [("SSD1306 128x64 at 0x3C on i2c-1", "sh1106"), ("SH1106 128x64 at 0x3C on i2c-1", "ssd1306"), ("", "sh1106")],
)
def test_the_other_controller_is_kept_in_the_settings(paths, glass, controller):
    carry_out(paths, "controller", Settings().changed("system.name", "clock"), glass)
    assert load(paths.settings).settings.panel.controller == controller
    assert load(paths.settings).settings.system.name == "clock"


def test_setup_mode_forgets_the_password_and_nothing_else(paths):
    paths.web_password.write_text("hash")
    save(paths.settings, Settings().changed("system.name", "clock"))
    carry_out(paths, "setup", Settings(), "")
    assert not paths.web_password.exists()
    assert load(paths.settings).settings.system.name == "clock"


def test_a_factory_reset_brings_the_defaults_back_for_good(paths):
    paths.web_password.write_text("hash")
    changed = Settings().changed("system.name", "clock")
    save(paths.settings, changed)
    carry_out(paths, "factory-reset", changed, "")
    assert not paths.web_password.exists()
    paths.settings.write_text("damaged [")
    assert load(paths.settings).settings == Settings(), "the good copy still holds the old settings"


def test_cancel_does_nothing(paths):
    carry_out(paths, "cancel", Settings(), "")
    assert list(paths.run.iterdir()) == []


@pytest.fixture
def machine(paths, monkeypatch):
    """A supervisor that init has started as root, with what it says and whom it signals."""
    said, killed = [], []
    monkeypatch.setattr(supervisor, "say", said.append)
    monkeypatch.setattr(supervisor.os, "kill", lambda pid, number: killed.append((pid, number)))
    monkeypatch.setattr(supervisor.os, "getppid", lambda: 1)
    monkeypatch.setattr(supervisor.os, "geteuid", lambda: 0)
    return Supervisor(paths), said, killed


def test_a_reboot_is_inits_and_is_asked_for_once(paths, machine):
    one, _, killed = machine
    one._check_order()
    assert killed == []
    carry_out(paths, "reboot", Settings(), "")
    one._check_order()
    one._check_order()
    assert killed == [(1, signal.SIGTERM)]


def test_a_pc_is_not_rebooted(paths, machine, monkeypatch):
    one, said, killed = machine
    monkeypatch.setattr(supervisor.os, "getppid", lambda: 4711)
    carry_out(paths, "reboot", Settings(), "")
    one._check_order()
    assert killed == [] and "no appliance" in said[-1]


def test_an_order_that_is_unknown_is_refused_by_name(paths, machine):
    one, said, killed = machine
    paths.order.write_text("shutdown")
    one._check_order()
    assert killed == [] and "'shutdown' is no order" in said[-1]
    assert not paths.order.exists()


def test_the_panel_that_is_switched_off_says_so(paths):
    with pytest.raises(OSError, match=r"panel\.device is none"):
        find_glass(paths, Settings().changed("panel.device", "none"))
