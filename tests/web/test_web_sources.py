# SPDX-License-Identifier: MIT
"""The sources page shows the sky as the receiver tells it, and stands whatever a file holds."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from snapshots import LOCKED, Publish

from stratum1.paths import Paths
from stratum1.receiver.memory import Found, Memory, save
from stratum1.settings import Settings
from stratum1.web.app import create_app
from stratum1.web.sky import LOUDEST_DBHZ, RADIUS, constellations, name_of, satellites

ROW = {"prn": 7, "constellation": "GPS", "elevation_deg": 45, "azimuth_deg": 90, "cn0_dbhz": 44.0, "used": True}
RECEIVER = {
    "problem": "",
    "gpsd": "3.22",
    "name": "u-blox MAX-M8Q",
    "path": "/dev/ttyAMA0",
    "driver": "u-blox",
    "baud": 9600,
    "fix_mode": 3,
    "verdict": "9 satellites above 37 dB-Hz: good",
    "satellites": [ROW, {**ROW, "prn": 65, "constellation": "GLONASS", "used": False, "elevation_deg": None}],
}


@pytest.mark.parametrize(
    ("azimuth", "elevation", "place"),
    [
        (0, 0, (0, -100)),
        (90, 0, (100, 0)),
        (180, 0, (0, 100)),
        (270, 0, (-100, 0)),
        (123, 90, (0, 0)),
        (90, 45, (50, 0)),
    ],
)
def test_north_is_up_east_is_right_and_the_zenith_is_the_middle(azimuth: int, elevation: int, place: Any) -> None:
    [found] = satellites([{**ROW, "azimuth_deg": azimuth, "elevation_deg": elevation}])
    assert (found.x, found.y) == pytest.approx(place)


@given(azimuth=st.floats(0, 360), elevation=st.floats(-90, 90), cn0=st.floats(-10, 99))
def test_every_satellite_above_the_horizon_is_drawn_within_it(azimuth: float, elevation: float, cn0: float) -> None:
    [found] = satellites([{**ROW, "azimuth_deg": azimuth, "elevation_deg": elevation, "cn0_dbhz": cn0}])
    assert (found.x is None) == (elevation < 0)
    if found.x is not None and found.y is not None:
        assert math.hypot(found.x, found.y) <= RADIUS + 0.1
    assert 0 <= found.share <= 1 and (cn0 < LOUDEST_DBHZ or found.share == 1)


def test_satellites_are_named_as_rinex_names_them() -> None:
    assert [name_of(*pair) for pair in (("GPS", 7), ("GLONASS", 65), ("Galileo", 303), ("BeiDou", 401), ("x", 9))] == [
        "G07",
        "R01",
        "E03",
        "C01",
        "?09",
    ]


def test_the_page_tells_receiver_sky_and_programs(paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    paths.receiver_status.write_text(json.dumps(RECEIVER), encoding="utf-8")
    child = {"state": "restarting", "pid": 0, "since_ns": 1, "restarts": 3, "why": "TCP port 80 is taken"}
    paths.children_status.write_text(json.dumps({"web": child}), encoding="utf-8")
    client = create_app(paths, Settings()).test_client()
    page = client.get("/sources").text
    for text in ("u-blox MAX-M8Q", "9600 baud", "9 satellites above 37 dB-Hz: good", "G07", "R01", "port 80 is taken"):
        assert text in page
    assert len(re.findall(r"<g class=\"sat[^>]*transform=", page)) == 1, "one has no place in the sky"
    assert client.get("/api/v1/receiver").get_json() == RECEIVER
    assert client.get("/api/v1/processes").get_json()["web"]["restarts"] == 3


def test_without_any_of_the_files_the_page_says_that_nothing_is_known(paths: Paths) -> None:
    page = create_app(paths, Settings()).test_client().get("/sources")
    assert page.status_code == 200 and "Nothing is known of the receiver yet." in page.text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*ROW, *RECEIVER, "state", "restarts", "why", "x"]), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(content=anything, children=anything)
@rounds(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_of_a_file_breaks_the_page(paths: Paths, content: Any, children: Any) -> None:
    paths.receiver_status.write_text(json.dumps(content), encoding="utf-8")
    paths.children_status.write_text(json.dumps({"web": children}), encoding="utf-8")
    assert create_app(paths, Settings()).test_client().get("/sources").status_code == 200


@given(content=st.binary(max_size=40))
@rounds(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_is_no_json_is_as_good_as_none(paths: Paths, content: bytes) -> None:
    paths.receiver_status.write_bytes(content)
    assert create_app(paths, Settings()).test_client().get("/sources").status_code == 200


def test_constellations_count_what_is_heard_and_used() -> None:
    sky = satellites(
        [
            ROW,
            {**ROW, "prn": 8, "cn0_dbhz": 30.0, "used": False},
            {**ROW, "prn": 9, "cn0_dbhz": 0.0, "used": False},
            {**ROW, "prn": 301, "constellation": "Galileo", "cn0_dbhz": 41.0},
            {**ROW, "prn": 65, "constellation": "GLONASS", "cn0_dbhz": 0, "used": False},
        ]
    )
    found = constellations(sky)
    assert [(each.name, each.heard, each.used) for each in found] == [("GPS", 2, 1), ("Galileo", 1, 1)]
    assert (found[0].loudest_dbhz, found[0].mean_dbhz) == (44.0, 37.0)


def test_where_the_receiver_was_looked_for_and_found_is_told(paths: Paths) -> None:
    answer = Memory((Found("/dev/ttyAMA0", 38400, "u-blox ZED-F9T"), Found("/dev/ttyUSB1", 4800)), ("/dev/ttyUSB0",))
    save(paths.receiver_answer, answer)
    page = create_app(paths, Settings()).test_client().get("/sources").text
    assert "/dev/ttyAMA0: u-blox ZED-F9T, understood at 38400 baud" in page
    assert "/dev/ttyUSB1: a receiver that takes no orders, understood at 4800 baud" in page
    assert "/dev/ttyUSB0: nothing was understood at any speed" in page
    paths.receiver_answer.write_bytes(b"\xff{")
    assert "understood" not in create_app(paths, Settings()).test_client().get("/sources").text
