# SPDX-License-Identifier: MIT
"""What the pages say is what other processes left, and nothing that is missing or broken stops them."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratum1 import clock
from stratum1.ntp.counters import CountersPage
from stratum1.panel.light import level, within
from stratum1.panel.sources import Sources, message
from stratum1.paths import Paths
from stratum1.settings import Settings, SettingsError
from stratum1.timescale import NS_PER_S, parse_iso_utc
from stratum1.tracking import TrackingReader, TrackingWriter
from stratum1.upstream import Upstream, Verdict
from stratum1.upstream import write as write_upstream
from stratum1.words import Status, describe
from stratum1.words.samples import LOCKED

GOOD = describe(LOCKED, (LOCKED.kernel_ns, LOCKED.bound_ns, True))


@pytest.fixture
def paths(tmp_path):
    return Paths(root=tmp_path / "root", run=tmp_path, data=tmp_path)


def sources(paths):
    return Sources(paths, TrackingReader(paths.tracking))


def publish(paths, **changes):
    kernel, monotonic = clock.read()
    snapshot = replace(
        LOCKED,
        kernel_ns=kernel,
        reference_ns=kernel,
        realtime_minus_monotonic_ns=kernel - monotonic,
        **changes,
    )
    TrackingWriter(paths.tracking).write(snapshot)
    return kernel


def test_an_empty_house_is_a_world_without_a_timekeeper(paths):
    world = sources(paths).world(5 * NS_PER_S, Settings())
    assert world.status.reason == "TIMEKEEPER_SILENT"
    assert (world.satellites, world.offsets, world.traffic()) == ((), (), None)
    assert world.alarms[0].startswith("The timekeeper is not running.")


def test_the_time_is_that_of_the_second_to_come_and_the_bound_too(paths):
    kernel = publish(paths, bound_rate=1e-3)
    target = (kernel // NS_PER_S + 1) * NS_PER_S
    world = sources(paths).world(target, Settings())
    assert world.status.served_ns == target
    assert world.status.bound_ns >= LOCKED.bound_ns + (target - kernel) * 1e-3


def test_satellites_come_strongest_first(paths):
    rows = [
        {"prn": 1, "cn0_dbhz": 20.0, "used": False, "elevation_deg": None, "azimuth_deg": None},
        {"prn": 2, "cn0_dbhz": 44.0, "used": True, "elevation_deg": 70.0, "azimuth_deg": 10.0},
    ]
    paths.receiver_status.write_text(json.dumps({"satellites": rows}))
    found = sources(paths).world(NS_PER_S, Settings()).satellites
    assert [(item.cn0, item.used, item.elevation) for item in found] == [(44.0, True, 70.0), (20.0, False, None)]


def test_a_program_that_does_not_run_is_an_alarm_with_its_reason(paths):
    content = {"responder": {"state": "restarting", "why": "UDP port 123 is taken"}, "web": {"state": "running"}}
    paths.children_status.write_text(json.dumps(content))
    publish(paths)
    assert sources(paths).world(NS_PER_S, Settings()).alarms == ("responder: UDP port 123 is taken.",)


def test_heat_is_an_alarm(paths):
    publish(paths, temperature_mc=81_000)
    assert sources(paths).world(NS_PER_S, Settings()).alarms == ("The box is hot (81.0 °C). Give it air.",)


def test_servers_that_contradict_the_box_are_an_alarm_where_any_are_named(paths):
    publish(paths)
    said = Upstream(Verdict.DISAGREES, (), 5 * NS_PER_S, 1000, majority=3, monotonic_ns=time.monotonic_ns())
    write_upstream(paths, said)
    named = Settings().changed("upstream.servers", ["time.example.org"])
    assert "upstream servers agree on" in sources(paths).world(NS_PER_S, named).alarms[0]
    assert sources(paths).world(NS_PER_S, Settings()).alarms == ()


def test_the_responders_counters_are_shown(paths):
    page = CountersPage(paths.responder_counters, workers=1, rows=8)
    page.write(replaced=0, rates=(12.5, 700.0), port=123, families=(True, True), precision=-22, problem="no IPv6 here")
    world = sources(paths).world(NS_PER_S, Settings())
    assert world.traffic().per_second == 12.5
    assert "no IPv6 here." in world.alarms


def test_the_curve_holds_ten_minutes(paths):
    here = sources(paths)
    for second in range(1000):
        publish(paths, offset_ns=second)
        world = here.world(second * NS_PER_S, Settings())
    assert len(world.offsets) == 126
    assert world.offsets[-1] - world.offsets[0] == 625


def test_the_box_says_who_it_is(paths):
    tree = paths.proc / "device-tree"
    tree.mkdir(parents=True)
    (tree / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    (tree / "serial-number").write_bytes(b"10000000a1b2c3d4\0")
    (paths.proc / "uptime").write_text("187234.56 1.0\n")
    world = sources(paths).world(NS_PER_S, Settings())
    assert (world.model, world.serial, world.uptime_s) == ("Pi 4 Model B Rev 1.5", "10000000a1b2c3d4", 187_234)


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["satellites", "cn0_dbhz", "used", "elevation_deg", "azimuth_deg", "state", "why", "web"]),
            inner,
            max_size=4,
        )
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(junk, junk, st.binary(max_size=600))
def test_junk_in_the_run_folder_stops_nothing(paths, receiver, children, page):
    paths.receiver_status.write_text(json.dumps(receiver))
    paths.children_status.write_text(json.dumps(children))
    paths.responder_counters.write_bytes(page)
    world = sources(paths).world(NS_PER_S, Settings())
    world.traffic()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ON AIR", "ON AIR"),
        ("News in {2026-11-22T14:00:10Z}", "News in 00:00:10"),
        ("{2026-11-25T15:01:01Z}", "3 d 01:01:01"),
        ("over: {2026-11-22T13:59:00Z}", "over: 00:00:00"),
    ],
)
def test_a_message_counts_down(text, shown):
    assert message(text, parse_iso_utc("2026-11-22T14:00:00Z")) == shown


def test_a_message_that_could_not_count_down_is_refused():
    with pytest.raises(SettingsError, match=r"panel\.message"):
        Settings().changed("panel.message", "{tomorrow}")


@pytest.mark.parametrize(
    ("span", "time", "inside"),
    [
        ("22:00-06:30", "23:00:00", True),
        ("22:00-06:30", "06:29:59", True),
        ("22:00-06:30", "06:30:00", False),
        ("09:00-17:00", "12:00:00", True),
        ("09:00-17:00", "17:00:00", False),
    ],
)
def test_night_hours_may_pass_midnight(span, time, inside):
    assert within(span, time) is inside


def test_it_is_dark_at_night_until_a_button_or_an_alarm():
    night = Settings().changed("panel.night", "14:00-15:00")
    alarm = replace(GOOD, level="alarm")
    assert level(night, GOOD, 3600 * NS_PER_S) == 0
    assert level(night, GOOD, 5 * NS_PER_S) == 160
    assert level(night, alarm, 3600 * NS_PER_S) == 160
    assert level(night, replace(GOOD, time="16:00:00"), 5 * NS_PER_S) == 160
    late = Settings().changed("panel.night", "22:00-06:30")
    unknown = Status(level="busy")
    assert level(late, unknown, 3600 * NS_PER_S) != 0, "who does not know the time does not know the night"


def test_it_dims_when_nobody_touches_it_but_not_for_an_alarm():
    assert level(Settings(), GOOD, 601 * NS_PER_S) == 40
    assert level(Settings(), GOOD, 599 * NS_PER_S) == 160
    assert level(Settings(), replace(GOOD, level="alarm"), 3600 * NS_PER_S) == 160
    assert level(Settings().changed("panel.dim_after_s", 0), GOOD, 3600 * NS_PER_S) == 160
