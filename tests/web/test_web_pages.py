# SPDX-License-Identifier: MIT
"""What the page says is what is served, whatever the timekeeper does, and nothing else gets in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from snapshots import ACQUIRING, HOLDOVER, LOCKED, UNSYNCHRONISED, Publish

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking import Snapshot, TrackingWriter
from stratum1.web.app import create_app
from stratum1.words import REASONS


@pytest.fixture
def client(paths: Paths) -> Iterator[FlaskClient]:
    app = create_app(paths, Settings().changed("ntp.port", 11123))
    app.testing = True
    with app.test_client() as found:
        yield found


@pytest.mark.parametrize("snapshot", [LOCKED, HOLDOVER, ACQUIRING, UNSYNCHRONISED], ids=lambda s: s.state.name)
def test_page_api_metrics_and_health_tell_the_same_state(
    client: FlaskClient, publish: Publish, snapshot: Snapshot
) -> None:
    publish(snapshot)
    name = snapshot.state.name
    page = client.get("/").text
    said = client.get("/api/v1/status").get_json()
    assert f'<span id="state">{name}</span>' in page
    assert REASONS[snapshot.reason].headline in page
    assert said["state"] == name and said["reason"] == snapshot.reason.name
    assert f'stratum1_state{{state="{name.lower()}"}} 1\n' in client.get("/metrics").text
    health = client.get("/healthz")
    assert health.text.startswith(name)
    assert health.status_code == (200 if snapshot.state.serves else 503)


def test_without_a_timekeeper_the_page_is_served_and_says_so(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "UNSYNCHRONISED" in page.text and "The timekeeper is not running." in page.text
    assert "--:--:--" in page.text
    assert client.get("/api/v1/time").get_json()["utc_ns"] is None
    assert client.get("/api/v1/status").get_json()["serves"] is False
    assert "stratum1_serves 0\n" in client.get("/metrics").text
    assert client.get("/healthz").status_code == 503


def test_time_is_told_with_its_bound_and_withheld_while_unknown(client: FlaskClient, publish: Publish) -> None:
    before = publish(LOCKED).kernel_ns
    said = client.get("/api/v1/time").get_json()
    assert before <= said["utc_ns"] <= publish(LOCKED).kernel_ns
    assert said["bound_ns"] >= LOCKED.bound_ns
    assert abs(said["utc_ms"] * 1e6 - said["utc_ns"]) < 1e3
    publish(ACQUIRING)
    assert client.get("/api/v1/time").get_json()["utc_ms"] is None


def test_a_page_made_anew_by_a_restarted_timekeeper_is_found(
    client: FlaskClient, publish: Publish, paths: Paths
) -> None:
    publish(LOCKED)
    assert client.get("/api/v1/status").get_json()["state"] == "LOCKED"
    paths.tracking.unlink()
    TrackingWriter(paths.tracking).write(ACQUIRING)
    assert client.get("/api/v1/status").get_json()["state"] == "ACQUIRING"


def test_what_a_receiver_calls_itself_cannot_become_markup(client: FlaskClient, publish: Publish) -> None:
    publish(replace(LOCKED, receiver="<script>alert(1)</script>", detail='"><img src=x>'))
    page = client.get("/").text
    assert "<script>alert" not in page and "<img" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/metrics", "/healthz", "/nothing", "/api/v1/nothing"])
def test_every_answer_forbids_inline_script_framing_and_keeping(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" and policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_the_page_has_neither_inline_script_nor_style_nor_anything_from_elsewhere(
    client: FlaskClient, publish: Publish
) -> None:
    publish(LOCKED)
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\s(style|on[a-z]+)=", page)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)


def test_first_view_is_small(client: FlaskClient, publish: Publish) -> None:
    publish(LOCKED)
    page = client.get("/")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert files
    answers = [client.get(file) for file in files]
    assert all(answer.status_code == 200 for answer in answers)
    assert len(page.data) + sum(len(answer.data) for answer in answers) <= 150_000
    assert all("immutable" in answer.headers["Cache-Control"] for answer in answers)


def test_a_wrong_path_is_a_page_for_people_and_json_for_programs(client: FlaskClient) -> None:
    page = client.get("/no/such")
    assert page.status_code == 404 and "Back to the status" in page.text
    answer = client.get("/api/v1/no-such")
    assert answer.status_code == 404 and answer.get_json()["error"]["code"] == 404


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_no_path_leads_out_of_the_static_folder(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (404, 308)


def test_nothing_can_be_written_without_being_asked_for(client: FlaskClient) -> None:
    for path in ("/", "/api/v1/status", "/metrics", "/healthz"):
        assert client.post(path).status_code == 405


def test_a_bad_settings_file_is_told_on_the_page(paths: Paths) -> None:
    paths.settings.write_text("[ntp]\nport = 99999\n", encoding="utf-8")
    page = create_app(paths).test_client().get("/").text
    assert "ntp.port" in page and "the defaults are used" in page


def test_events_come_as_the_status_and_places_are_bounded(paths: Paths, publish: Publish) -> None:
    publish(HOLDOVER)
    client = create_app(paths, Settings(), streams=2).test_client()
    open_streams = [client.get("/api/v1/live") for _ in range(2)]
    assert all(stream.status_code == 200 for stream in open_streams)
    assert open_streams[0].mimetype == "text/event-stream"
    pieces = iter(open_streams[0].response)
    assert next(pieces).startswith(b"retry:")
    event = next(pieces).decode()
    assert event.startswith("data: ") and event.endswith("\n\n") and event.count("\n") == 2
    assert json.loads(event[6:])["state"] == "HOLDOVER"

    refused = client.get("/api/v1/live")
    assert refused.status_code == 503 and "once a second" in refused.get_json()["error"]["message"]
    open_streams[1].close()
    assert client.get("/api/v1/live").status_code == 200


@given(detail=st.text(max_size=60), receiver=st.text(max_size=30))
@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_a_device_breaks_an_answer(
    client: FlaskClient, publish: Publish, detail: str, receiver: str
) -> None:
    publish(replace(LOCKED, detail=detail, receiver=receiver))
    assert client.get("/").status_code == 200
    said = client.get("/api/v1/status").get_json()
    assert said["receiver"] == client.get("/api/v1/status").get_json()["receiver"]
    assert json.loads(json.dumps(said)) == said
