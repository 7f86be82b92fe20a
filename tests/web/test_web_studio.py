# SPDX-License-Identifier: MIT
"""The studio clock takes zones from whoever asks and believes none that it does not know."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from snapshots import LOCKED, Publish

from stratum1 import web
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web.app import create_app
from stratum1.web.studio import dots
from stratum1.web.zones import MOST_ZONES, known_zones
from stratum1.words import Offset, offset


@pytest.fixture
def client(paths: Paths) -> FlaskClient:
    return create_app(paths, Settings().changed("system.zone", "Europe/Berlin")).test_client()


def test_sixty_dots_go_round_clockwise_from_the_top() -> None:
    ring = dots(60, 10)
    assert ring[0] == (0, -10) and ring[15] == (10, 0) and ring[30] == (0, 10) and ring[45] == (-10, 0)
    assert all(math.isclose(math.hypot(*point), 10, abs_tol=0.02) for point in ring)


def test_zones_are_known_or_named_as_unknown() -> None:
    assert known_zones("UTC, Asia/Tokyo  UTC Mars/Base ../../etc/passwd") == (
        ["UTC", "Asia/Tokyo"],
        ["Mars/Base", "../../etc/passwd"],
    )
    assert len(known_zones("UTC Asia/Tokyo Asia/Kabul Asia/Dili Asia/Baku Asia/Aden Asia/Amman")[0]) == MOST_ZONES


def test_the_first_zone_is_large_and_the_box_s_own_without_any(client: FlaskClient) -> None:
    assert 'data-time="/api/v1/time?zone=Europe/Berlin"' in client.get("/clock").text
    page = client.get("/clock?zones=Asia/Tokyo+UTC&hours=12").text
    assert 'data-time="/api/v1/time?zone=Asia/Tokyo&amp;zone=UTC" data-twelve="true"' in page
    assert page.count('<span class="there">') == 1 and '<span class="where">UTC</span>' in page


def test_the_offsets_of_zones_are_the_box_s_and_come_only_while_time_is_known(
    client: FlaskClient, publish: Publish
) -> None:
    path = "/api/v1/time?zone=Asia/Kathmandu&zone=UTC"
    assert client.get(path).get_json()["zones"] == []
    publish(LOCKED)
    assert [zone["offset_s"] for zone in client.get(path).get_json()["zones"]] == [20700, 0]
    assert client.get("/api/v1/time").get_json()["zones"] == []
    refused = client.get("/api/v1/time?zone=Mars/Base")
    assert refused.status_code == 400 and "Mars/Base" in refused.get_json()["error"]["message"]


def test_the_end_of_summer_time_is_known_an_hour_ahead_to_the_second() -> None:
    end = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())
    assert offset(end - 3600, "Europe/Berlin") == Offset(7200, 3600, end)
    assert offset(end - 1, "Europe/Berlin") == Offset(7200, 3600, end)
    assert offset(end, "Europe/Berlin") == Offset(3600, 3600, None)
    assert offset(end - 3601, "Europe/Berlin") == Offset(7200, 7200, None)


def test_the_line_on_air_comes_with_the_time(paths: Paths) -> None:
    app = create_app(paths, Settings().changed("panel.message", "News in {2026-12-31T23:00:00Z}"))
    assert app.test_client().get("/api/v1/time").get_json()["message"] == "News in {2026-12-31T23:00:00Z}"


MODERN = (
    r"=>|`|\?\?|\?\.[a-z]|\.\.\.|\*\*|\b(?:const|let|class|async|await|yield|fetch|Promise|Map|Set|Symbol)\b|\bof\b"
)


@pytest.mark.parametrize("name", ["clock.js", "studio.js"])
def test_the_scripts_of_the_clock_are_what_an_old_tablet_understands(name: str) -> None:
    text = (Path(web.__file__).parent / "static" / name).read_text(encoding="utf-8")
    program = re.sub(r"(?m)^\s*//.*$|\"[^\"\n]*\"", "", text)
    assert re.findall(MODERN, program) == []
    assert re.search(MODERN, "const a = () => `x`"), "the test would see it"


@given(text=st.text(max_size=500))
@rounds(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_it_or_becomes_markup(client: FlaskClient, text: str) -> None:
    page = client.get("/clock", query_string={"zones": text + "<script>alert(1)</script>"})
    assert page.status_code == 200 and "<script>alert" not in page.text
