# SPDX-License-Identifier: MIT
"""What the recorder saw is what the charts, the table and the CSV tell."""

from __future__ import annotations

import csv
import io

import pytest
from snapshots import ACQUIRING, HOLDOVER, LOCKED, Publish

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web.app import app_of
from stratum1.web.box import Box
from stratum1.web.recorder import Recorder


def test_looks_become_points_events_and_rows(paths: Paths, publish: Publish) -> None:
    box = Box(paths, Settings())
    recorder = Recorder(box)
    client = app_of(box).test_client()
    for snapshot in (ACQUIRING, LOCKED, LOCKED, HOLDOVER):
        publish(snapshot)
        recorder.look()
    events = client.get("/api/v1/events").get_json()
    assert [event["state"] for event in events] == ["HOLDOVER", "LOCKED", "ACQUIRING"]
    assert all(event["time_utc"] for event in events), "dated once the time was known"

    for span in ("hour", "day", "month"):
        said = client.get(f"/api/v1/history?span={span}").get_json()
        columns = said["columns"]
        assert len({len(column) for column in columns.values()}) == 1
        assert columns["offset_ns"][-1] == -112 and columns["temperature_c"][-1] == 48.2
        assert said["from_s"] < columns["time_s"][-1] <= said["until_s"]
        rows = list(csv.DictReader(io.StringIO(client.get(f"/api/v1/history.csv?span={span}").text)))
        assert len(rows) == len(columns["time_s"]) and float(rows[-1]["frequency_ppm"]) == -3.2

    page = client.get("/history?span=day").text
    assert "The pulse has stopped" in page and 'aria-current="true">Day' in page


def test_no_offset_is_recorded_while_no_pulse_comes(paths: Paths, publish: Publish) -> None:
    box = Box(paths, Settings())
    publish(HOLDOVER)
    Recorder(box).look()
    columns = app_of(box).test_client().get("/api/v1/history").get_json()["columns"]
    assert columns["offset_ns"] == [None] and columns["state"] == ["HOLDOVER"]
    assert columns["bound_ns"][0] >= HOLDOVER.bound_ns


def test_an_unknown_span_is_refused_with_the_known_ones(paths: Paths) -> None:
    client = app_of(Box(paths, Settings())).test_client()
    for path in ("/history?span=year", "/api/v1/history?span=year", "/api/v1/history.csv?span="):
        answer = client.get(path)
        assert answer.status_code == 400 and "hour, day, month" in answer.text


def test_the_page_is_there_before_anything_was_recorded(paths: Paths) -> None:
    client = app_of(Box(paths, Settings())).test_client()
    assert "Nothing has been recorded yet" in client.get("/history").text
    assert client.get("/api/v1/history").get_json()["columns"]["time_s"] == []


def test_a_folder_that_cannot_be_written_stops_nothing_and_is_said_once(
    paths: Paths, publish: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Box(paths, Settings())
    recorder = Recorder(box)
    paths.data.rmdir()
    for snapshot in (LOCKED, HOLDOVER, LOCKED):
        publish(snapshot)
        recorder.look()
    assert capsys.readouterr().err.count("history cannot be written") == 1
