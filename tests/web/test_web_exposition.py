# SPDX-License-Identifier: MIT
"""The metrics are what a Prometheus parser reads back, whatever a label holds."""

from __future__ import annotations

import json
import math
import re
import struct
import time
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from snapshots import LOCKED, Publish

from stratum1.ntp.counters import CountersPage
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.tracking.snapshot import Jamming, Spoofing, Survey
from stratum1.upstream import Server, Tally, Upstream, Verdict, write
from stratum1.web.app import create_app
from stratum1.web.exposition import Metric, render

RECEPTION = replace(
    LOCKED,
    survey_state=Survey.RUNNING,
    survey_s=600,
    survey_accuracy_mm=2310,
    jamming=51,
    jamming_state=Jamming.WARNING,
    spoofing=Spoofing.NONE,
)
PEERS = Upstream(
    verdict=Verdict.DISAGREES,
    servers=(Server("ntp.example", tally=Tally.CANDIDATE, reach=0o17, offset_ns=-120_000), Server("none.example")),
    offset_ns=-120_000,
)

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"')


def parsed(text: str) -> dict[str, tuple[str, list[tuple[dict[str, str], float]]]]:
    """A parser written from the format's description: name -> (type, samples)."""
    assert text.endswith("\n")
    families: dict[str, tuple[str, list[tuple[dict[str, str], float]]]] = {}
    helped = None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert helped not in families, "a family comes once"
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == helped and kind in ("gauge", "counter")
            families[name] = (kind, [])
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            labels = {
                key: re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
                for key, value in LABEL.findall(match[2] or "")
            }
            families[match[1]][1].append((labels, float(match[3])))
    return families


@given(value=st.floats(), label=st.text().filter(lambda text: "\r" not in text), help=st.text(alphabet='ab\\\n "'))
def test_any_value_and_label_is_read_back(value: float, label: str, help: str) -> None:
    families = parsed(render([Metric("m", "gauge", help).add(value, name=label)]))
    kind, [(labels, found)] = families["m"]
    assert kind == "gauge" and labels == {"name": label}
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_what_is_unknown_is_left_out() -> None:
    assert parsed(render([Metric("a", "gauge", "A.").add(None), Metric("b", "gauge", "B.").add(1)])).keys() == {"b"}


def test_the_box_tells_base_units(paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    answer = create_app(paths, Settings()).test_client().get("/metrics")
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    families = parsed(answer.text)

    def value(name: str) -> float:
        return families[name][1][0][1]

    assert value("stratum1_offset_seconds") == -112e-9
    assert value("stratum1_frequency_error_ratio") == -3.2e-6
    assert value("stratum1_temperature_celsius") == 48.2
    assert value("stratum1_pulses_accepted_total") == 8123
    assert value("stratum1_error_bound_seconds") >= 1.3e-6
    assert all(name.endswith("_total") == (kind == "counter") for name, (kind, _) in families.items())
    assert sum(found for _, found in families["stratum1_state"][1]) == 1


def test_dashboard_alerts_and_their_table_speak_of_metrics_that_exist_and_of_all_of_them(
    paths: Paths, publish: Publish
) -> None:
    publish(RECEPTION)
    write(paths, replace(PEERS, monotonic_ns=time.monotonic_ns()))
    page = CountersPage(paths.responder_counters, workers=1, rows=4)
    page.block(0)[struct.calcsize("=Q 16Q 8Q 8Q 6Q qqq Qq")] = 4
    struct.pack_into("=Q", page.block(0), 8 * (1 + 16 + 4), 7)
    child = {"state": "running", "pid": 1, "since_ns": 1, "restarts": 0, "why": ""}
    paths.children_status.write_text(json.dumps({"web": child}), encoding="utf-8")
    settings = Settings().changed("upstream.servers", ["ntp.example"])
    told = parsed(create_app(paths, settings).test_client().get("/metrics").text).keys()
    folder = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
    json.loads((folder / "grafana.json").read_text(encoding="utf-8"))
    for name in ("README.md", "alerts.yml", "grafana.json"):
        named = set(re.findall(r"\bstratum1_[a-z0-9_]+", (folder / name).read_text(encoding="utf-8")))
        assert named and named <= told, name
        if name == "README.md":
            assert named == told


def test_what_the_receiver_and_the_other_servers_say_is_told_in_base_units(paths: Paths, publish: Publish) -> None:
    publish(RECEPTION)
    write(paths, replace(PEERS, monotonic_ns=time.monotonic_ns()))
    settings = Settings().changed("upstream.servers", ["ntp.example"])
    families = parsed(create_app(paths, settings).test_client().get("/metrics").text)

    def samples(name: str) -> dict[str, float]:
        return {",".join(labels.values()): value for labels, value in families[name][1]}

    assert samples("stratum1_survey_done") == {"": 0} and samples("stratum1_survey_seconds") == {"": 600}
    assert samples("stratum1_survey_accuracy_meters") == {"": 2.31}
    assert samples("stratum1_jamming_state") == {"ok": 0, "warning": 1, "critical": 0}
    assert samples("stratum1_jamming_ratio") == {"": 0.2} and samples("stratum1_spoofing_suspected") == {"": 0}
    said = samples("stratum1_upstream_verdict")
    assert said["disagrees"] == 1 and sum(said.values()) == 1 and "no_majority" in said
    assert samples("stratum1_upstream_usable") == {"": 1}
    assert samples("stratum1_upstream_offset_seconds") == {"": -0.00012}
    assert samples("stratum1_upstream_server_offset_seconds") == {"ntp.example": -0.00012}
    assert samples("stratum1_upstream_server_reached") == {"ntp.example": 1, "none.example": 0}


def test_a_receiver_that_cannot_say_and_nobody_to_compare_with_are_left_out(paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    write(paths, replace(PEERS, monotonic_ns=time.monotonic_ns()))
    told = parsed(create_app(paths, Settings()).test_client().get("/metrics").text).keys()
    assert not [name for name in told if re.match("stratum1_(survey|jamming|spoofing|upstream)", name)]


def test_every_alert_has_a_severity_a_summary_and_labels_that_exist(paths: Paths, publish: Publish) -> None:
    publish(RECEPTION)
    write(paths, replace(PEERS, monotonic_ns=time.monotonic_ns()))
    settings = Settings().changed("upstream.servers", ["ntp.example"])
    families = parsed(create_app(paths, settings).test_client().get("/metrics").text)
    folder = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
    rules = re.split(r"\n      - alert: ", (folder / "alerts.yml").read_text(encoding="utf-8"))[1:]
    assert len(rules) > 10
    for rule in rules:
        assert re.search(r"severity: (critical|warning)\n", rule) and "summary: " in rule, rule
        for name, key, _, value in re.findall(r'(stratum1_\w+)\{(\w+)(=~?)"([^"]+)"\}', rule):
            known = {labels[key] for labels, _ in families[name][1]}
            assert set(value.split("|")) <= known, rule


def test_the_dashboard_has_panels_apart_from_each_other_and_for_each_box() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
    panels = json.loads((folder / "grafana.json").read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        rows = range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in rows}
        assert not cells & covered and place["x"] + place["w"] <= 24, panel["title"]
        covered |= cells
        for target in panel["targets"]:
            assert 'instance=~"$instance"' in target["expr"]
