# SPDX-License-Identifier: MIT
"""Every answer of the API is what its description says, whatever state the box is in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from snapshots import ACQUIRING, HOLDOVER, LOCKED, UNSYNCHRONISED, Publish

from stratum1.ntp.counters import CountersPage
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking import Snapshot
from stratum1.web.app import app_of
from stratum1.web.box import Box
from stratum1.web.openapi import document
from stratum1.web.recorder import Recorder

DOCUMENT = document()
READ = [path for path in DOCUMENT["paths"] if path != "/api/v1/live"]


@pytest.fixture
def box(paths: Paths) -> Box:
    return Box(paths, Settings())


@pytest.fixture
def client(box: Box) -> FlaskClient:
    return app_of(box).test_client()


def check(client: FlaskClient, path: str, query: dict[str, str] | None = None) -> Any:
    """Ask and hold the answer against its description; the decoded JSON, if it is."""
    answer = client.get(path, query_string=query)
    responses = DOCUMENT["paths"][path]["get"]["responses"]
    assert str(answer.status_code) in responses, (path, answer.status_code)
    [(kind, content)] = responses[str(answer.status_code)]["content"].items()
    assert answer.mimetype == kind
    if kind != "application/json":
        return None
    said = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{path} holds {name}"))
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(said)
    return said


def test_what_is_described_is_what_is_there(client: FlaskClient) -> None:
    there = {rule.rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/api/")}
    assert there == set(DOCUMENT["paths"])
    assert client.get("/api/v1/openapi.json").get_json() == json.loads(json.dumps(DOCUMENT))
    for reference in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOCUMENT)):
        Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][reference])


@pytest.mark.parametrize("path", READ)
def test_every_answer_of_an_empty_box_fits(client: FlaskClient, path: str) -> None:
    check(client, path)


@pytest.mark.parametrize("snapshot", [LOCKED, HOLDOVER, ACQUIRING, UNSYNCHRONISED], ids=lambda s: s.state.name)
def test_every_answer_fits_in_every_state(
    box: Box, client: FlaskClient, publish: Publish, paths: Paths, snapshot: Snapshot
) -> None:
    publish(snapshot)
    Recorder(box).look()
    CountersPage(paths.responder_counters, workers=1, rows=4)
    for path in READ:
        check(client, path)
    assert check(client, "/api/v1/events")[0]["state"] == snapshot.state.name
    assert check(client, "/api/v1/traffic")["served"] == 0


@given(span=st.sampled_from(["hour", "day", "month"]) | st.text(max_size=20))
@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_span_gets_a_described_answer(client: FlaskClient, span: str) -> None:
    for path in ("/api/v1/history", "/api/v1/history.csv"):
        check(client, path, {"span": span})


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_of_the_api_takes_more_than_its_description_says(client: FlaskClient, method: str) -> None:
    for path, described in DOCUMENT["paths"].items():
        status = getattr(client, method)(path).status_code
        assert status == (401 if method in described else 405), path
