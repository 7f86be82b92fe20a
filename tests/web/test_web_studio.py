# SPDX-License-Identifier: MIT
"""The studio clock takes zones from whoever asks and believes none that it does not know."""

from __future__ import annotations

import math

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web.app import create_app
from stratum1.web.studio import MOST_ZONES, dots, known_zones


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
    assert 'data-zone="Europe/Berlin"' in client.get("/clock").text
    page = client.get("/clock?zones=Asia/Tokyo+UTC&hours=12").text
    assert 'id="studio" data-time="/api/v1/time" data-zone="Asia/Tokyo" data-twelve="true"' in page
    assert '<span class="there" data-zone="UTC">' in page


@given(text=st.text(max_size=500))
@rounds(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_it_or_becomes_markup(client: FlaskClient, text: str) -> None:
    page = client.get("/clock", query_string={"zones": text + "<script>alert(1)</script>"})
    assert page.status_code == 200 and "<script>alert" not in page.text
