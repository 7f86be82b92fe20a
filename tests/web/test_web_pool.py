# SPDX-License-Identifier: MIT
"""The list of what the public pool asks says yes to nothing that is not so."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from math import nan

import pytest

from stratum1.history import Record
from stratum1.network import Address
from stratum1.ntp.counters import Counters
from stratum1.settings import Settings
from stratum1.tracking import State
from stratum1.web.pool import Verdict, readiness
from stratum1.words import Status

NOW = 1_800_000_000
LOCKED = Status(state="LOCKED", serves=True, bound="±300 ns")
RUNNING = Counters(1, 0, 0.0, (), 0, 0.0, 0.0, 123, True, True, -20, "")
PUBLIC = (Address("eth0", ip_address("8.8.4.4")), Address("eth0", ip_address("2600::5")))


def month(hours: int = 24 * 30, bad: int = 0) -> list[Record]:
    return [
        Record(
            NOW - 3600 * (i + 1), nan, nan, nan, nan, nan, nan, nan, State.HOLDOVER if i < bad else State.LOCKED, 9, 1
        )
        for i in range(hours)
    ]


def fit() -> Settings:
    settings = Settings()
    for path, value in (
        ("network.ipv4_address", "8.8.4.4/24"),
        ("ntp.everyone", True),
        ("upstream.servers", ["a.example", "b.example", "c.example", "d.example"]),
    ):
        settings = settings.changed(path, value)
    return replace(settings, network=replace(settings.network, ipv4="static"))


def levels(settings: Settings, **changed: object) -> dict[str, str]:
    facts = {"addresses": PUBLIC, "status": LOCKED, "counters": RUNNING, "month": month(), "now_s": NOW, **changed}
    return {each.what: each.level for each in verdicts(settings, facts)}


def verdicts(settings: Settings, facts: dict[str, object]) -> list[Verdict]:
    return readiness(settings, **facts)  # type: ignore[arg-type]


def test_a_box_that_is_fit_is_told_so_and_what_only_a_person_can_tell_is_left_to_one() -> None:
    found = levels(fit())
    assert {what for what, level in found.items() if level != "good"} == {"Reached from outside"}
    assert found["Reached from outside"] == "busy"


@pytest.mark.parametrize(
    ("path", "value", "what", "level"),
    [
        ("ntp.everyone", False, "Everyone is answered", "alarm"),
        ("ntp.port", 1123, "Standard port", "alarm"),
        ("ntp.rate_per_minute", 0, "Rates are limited", "alarm"),
        ("ntp.smear", True, "No leap smear", "alarm"),
        ("upstream.servers", ["a.example"], "Compared with others", "warning"),
    ],
)
def test_each_setting_that_would_do_harm_is_named(path: str, value: object, what: str, level: str) -> None:
    wrong = fit().changed(path, value)
    assert levels(wrong)[what] == level
    assert path in next(
        each.found
        for each in verdicts(
            wrong, dict.fromkeys(("addresses", "month"), ()) | {"status": LOCKED, "counters": RUNNING, "now_s": NOW}
        )
        if each.what == what
    )


def test_networks_that_make_up_everybody_are_everybody() -> None:
    open_to_all = fit().changed("ntp.everyone", False).changed("ntp.allow", ["0.0.0.0/0", "::/0"])
    assert levels(open_to_all)["Everyone is answered"] == "good"
    assert levels(open_to_all.changed("ntp.allow", ["0.0.0.0/0"]))["Everyone is answered"] == "alarm"


def test_the_box_itself() -> None:
    private = (Address("eth0", ip_address("192.168.1.5")), Address("eth0", ip_address("fd00::5")))
    assert levels(fit(), addresses=private)["Public address"] == "warning"
    assert levels(fit(), addresses=())["Public address"] == "warning"
    assert levels(Settings())["Fixed address"] == "warning"
    assert levels(fit(), status=Status())["Time is good now"] == "alarm"
    assert levels(fit(), counters=None)["IPv4 and IPv6"] == "alarm"
    assert levels(fit(), counters=replace(RUNNING, ipv6=False))["IPv4 and IPv6"] == "warning"


def test_two_weeks_are_two_weeks() -> None:
    what = "Two weeks without trouble"
    assert levels(fit(), month=())[what] == "busy"
    assert levels(fit(), month=month(24 * 13))[what] == "busy"
    assert levels(fit(), month=month(bad=1))[what] == "good"
    assert levels(fit(), month=month(bad=3))[what] == "warning"
    gap = [record for i, record in enumerate(month()) if not 20 <= i < 40]
    assert levels(fit(), month=gap)[what] == "warning", "hours that were not recorded are no good ones"
