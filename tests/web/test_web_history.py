# SPDX-License-Identifier: MIT
"""What the recorder saw is what the charts, the table and the CSV tell."""

from __future__ import annotations

import csv
import io
import re
from math import nan

import pytest
from snapshots import ACQUIRING, HOLDOVER, LOCKED, Publish

from stratum1.history import Record
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking import State
from stratum1.web import digest
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


def test_the_table_says_what_the_charts_show(paths: Paths, publish: Publish) -> None:
    box = Box(paths, Settings())
    publish(LOCKED)
    Recorder(box).look()
    page = app_of(box).test_client().get("/history?span=day").text
    table = page[page.index("Numbers of the last day") :]
    for text in ("LOCKED", "-112 ns (-112 ns to -112 ns)", "380 ns", "±1.", "-3.2000 ppm", "48.2 °C", ">9<"):
        assert text in table


def test_a_block_of_the_table_weighs_its_records_and_keeps_the_worst() -> None:
    good = Record(3600, -10.0, -50.0, 30.0, 40.0, 300.0, -3.0, 40.0, State.LOCKED, 9, 30)
    bad = Record(3720, nan, nan, nan, nan, 8000.2, -3.3, 43.0, State.HOLDOVER, 4, 10)
    (row,) = digest.rows([good, bad], "day", "UTC")
    assert (row.begin.time, row.state, row.satellites) == ("01:00:00", "HOLDOVER", "4")
    assert row.offset == "-10 ns (-50 ns to +30 ns)" and row.jitter == "40 ns"
    assert row.bound == "±8.1 µs" and row.frequency == "-3.0750 ppm" and row.temperature == "40.8 °C"


def test_the_stability_is_told_to_programs_and_in_a_table(paths: Paths, publish: Publish) -> None:
    box = Box(paths, Settings())
    client = app_of(box).test_client()
    assert client.get("/api/v1/stability").get_json() == {"served": [], "crystal": []}
    assert "Comes some seconds after the first lock" in client.get("/history").text
    for i in range(40):
        box.history._stability.served.add(i, 10.0 * (i % 2))
    said = client.get("/api/v1/stability").get_json()["served"]
    assert [point["tau_s"] for point in said] == [1, 2, 4, 8, 16]
    assert said[0]["deviation"] == pytest.approx(20e-9 / 2**0.5) and said[0]["intervals"] == 38
    assert '<th scope="row">1 s</th><td class="figures">1.41e-08 ± 11 %</td>' in client.get("/history").text


def test_where_the_charts_were_not_fetched_the_page_says_so_and_loads_nothing_for_them(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratum1.web.app.CHARTS", {"vendor/none.js"})
    page = app_of(Box(paths, Settings())).test_client().get("/history").text
    assert 'id="no-charts">' in page and '<details class="card-like" open>' in page
    assert re.findall(r'<script[^>]*src="/static/([^?"]+)', page) == ["say.js"]


def test_the_history_is_small_enough_for_a_first_view_too(paths: Paths) -> None:
    client = app_of(Box(paths, Settings())).test_client()
    page = client.get("/history")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert any("uPlot" in file for file in files), "charts were not fetched: make setup"
    assert len(page.data) + sum(len(client.get(file).data) for file in files) <= 150_000
