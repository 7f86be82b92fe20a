# SPDX-License-Identifier: MIT
"""What Prometheus reads: the same numbers as the page, in seconds, ratios and degrees Celsius."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

import stratum1
from stratum1.ntp import verdicts
from stratum1.ntp.counters import Counters
from stratum1.timescale import NS_PER_S
from stratum1.tracking import State
from stratum1.tracking.snapshot import Jamming, Spoofing, Survey
from stratum1.upstream import Upstream, Verdict, read
from stratum1.web.box import Box
from stratum1.web.exposition import CONTENT_TYPE, Metric, render
from stratum1.web.sources import programs
from stratum1.words import Status


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / NS_PER_S


def _ratio(ppm: float | None) -> float | None:
    return None if ppm is None else ppm / 1e6


def of_status(status: Status) -> list[Metric]:
    """The time itself; what is not known is left out rather than written as nought."""
    state = Metric("stratum1_state", "gauge", "1 for the state that is served, 0 for the others.")
    for each in State:
        state.add(int(each.name == status.state), state=each.name.lower())
    plain = (
        ("stratum1_serves", "gauge", "1 while clients are told that this time is good.", int(status.serves)),
        ("stratum1_stratum", "gauge", "Stratum on the wire; 0 is unsynchronised.", status.stratum_number),
        (
            "stratum1_state_seconds",
            "gauge",
            "How long the state has lasted.",
            status.since_s,
        ),
        (
            "stratum1_error_bound_seconds",
            "gauge",
            "The served time is at most this far from UTC.",
            _seconds(status.bound_ns),
        ),
        (
            "stratum1_offset_seconds",
            "gauge",
            "Last pulse: served clock minus pulse; positive is ahead.",
            _seconds(status.offset_ns),
        ),
        ("stratum1_jitter_seconds", "gauge", "RMS of the pulses about the estimate.", _seconds(status.jitter_ns)),
        (
            "stratum1_frequency_error_ratio",
            "gauge",
            "Frequency error of the unsteered clock; positive is fast.",
            _ratio(status.frequency_ppm),
        ),
        (
            "stratum1_steering_ratio",
            "gauge",
            "Frequency adjustment in force in the kernel.",
            _ratio(status.steering_ppm),
        ),
        ("stratum1_temperature_celsius", "gauge", "Temperature near the oscillator.", status.temperature_c),
        ("stratum1_satellites_used", "gauge", "Satellites in the fix.", status.satellites_used),
        ("stratum1_satellites_seen", "gauge", "Satellites heard.", status.satellites_seen),
        (
            "stratum1_holdover_left_seconds",
            "gauge",
            "How long time could be served without pulses from now.",
            status.holdover_left_s,
        ),
        ("stratum1_utc_valid", "gauge", "1 when the receiver knows its leap seconds.", int(status.utc_valid)),
        ("stratum1_pulses_accepted_total", "counter", "Pulses that were believed.", status.pulses_accepted),
        ("stratum1_pulses_rejected_total", "counter", "Pulses that were not believed.", status.pulses_rejected),
        ("stratum1_steps_total", "counter", "How often the served time was stepped.", status.steps),
    )
    return [state, *(Metric(name, kind, help).add(value) for name, kind, help, value in plain)]


def of_reception(status: Status) -> list[Metric]:
    """What the receiver says of its surroundings; nothing where it cannot."""
    survey = Metric("stratum1_survey_done", "gauge", "1 when the antenna's position is known, 0 while it is surveyed.")
    seconds = Metric("stratum1_survey_seconds", "gauge", "How long the position has been surveyed.")
    accuracy = Metric("stratum1_survey_accuracy_meters", "gauge", "Standard deviation of the surveyed position, 3D.")
    if status.survey_state != Survey.UNKNOWN.name:
        survey.add(int(status.survey_state == Survey.DONE.name))
        seconds.add(status.survey_s)
        accuracy.add(status.survey_accuracy_mm / 1000 if status.survey_accuracy_mm else None)
    jamming = Metric("stratum1_jamming_state", "gauge", "1 for what the receiver says of interference, 0 for the rest.")
    if status.jamming_state != Jamming.UNKNOWN.name:
        for each in (Jamming.OK, Jamming.WARNING, Jamming.CRITICAL):
            jamming.add(int(each.name == status.jamming_state), state=each.name.lower())
    indicator = Metric("stratum1_jamming_ratio", "gauge", "The receiver's indicator of interference, 1 is most.")
    indicator.add(status.jamming_indicator / 255 if status.jamming_indicator else None)
    forged = Metric("stratum1_spoofing_suspected", "gauge", "1 while the satellites' signals may be forged.")
    if status.spoofing_state != Spoofing.UNKNOWN.name:
        forged.add(int(status.spoofing_state == Spoofing.SUSPECTED.name))
    return [survey, seconds, accuracy, jamming, indicator, forged]


def of_upstream(upstream: Upstream | None) -> list[Metric]:
    """What the servers say that this box is compared with."""
    if upstream is None:
        return []
    verdict = Metric("stratum1_upstream_verdict", "gauge", "1 for what the other servers say together, 0 for the rest.")
    for each in Verdict:
        verdict.add(int(each is upstream.verdict), verdict=each.value.replace(" ", "_"))
    usable = Metric("stratum1_upstream_usable", "gauge", "Other servers that give a usable answer.")
    offset = Metric("stratum1_upstream_offset_seconds", "gauge", "Majority's time minus ours.")
    each_offset = Metric("stratum1_upstream_server_offset_seconds", "gauge", "One server's time minus ours.")
    reach = Metric("stratum1_upstream_server_reached", "gauge", "1 when the last question to a server was answered.")
    for server in upstream.servers:
        each_offset.add(_seconds(server.offset_ns), server=server.name)
        reach.add(server.reach & 1, server=server.name)
    return [verdict, usable.add(upstream.usable), offset.add(_seconds(upstream.offset_ns)), each_offset, reach]


def of_traffic(counters: Counters) -> list[Metric]:
    """What the responder did since it was started."""
    answers = Metric("stratum1_ntp_answers_total", "counter", "Requests that were answered, by kind.")
    for verdict in verdicts.Verdict:
        if verdict.answered:
            answers.add(counters.verdict(verdict), kind=verdict.name.lower())
    dropped = Metric("stratum1_ntp_dropped_total", "counter", "Requests that were not answered, by reason.")
    for verdict in verdicts.Verdict:
        if not verdict.answered:
            dropped.add(counters.verdict(verdict), reason=verdict.name.lower())
    versions = Metric("stratum1_ntp_requests_total", "counter", "Requests by NTP version.")
    for version, count in counters.versions.items():
        versions.add(count, version=str(version))
    lost = Metric("stratum1_ntp_overflowed_total", "counter", "Requests lost because the socket's buffer was full.")
    silent = Metric("stratum1_ntp_silent_seconds", "gauge", "How long the responder has not written its counters.")
    workers = Metric("stratum1_ntp_workers_replaced_total", "counter", "Answering threads that died and were replaced.")
    return [
        answers,
        dropped,
        versions,
        lost.add(counters.total("overflowed")),
        workers.add(counters.replaced),
        silent.add(round(counters.updated_s, 3)),
    ]


def of_programs(children: dict[str, Any]) -> list[Metric]:
    """What the supervisor says of its processes."""
    running = Metric("stratum1_process_running", "gauge", "1 while the process runs.")
    restarts = Metric("stratum1_process_restarts_total", "counter", "How often the process was started anew.")
    for program in programs(children):
        running.add(int(program.state == "running"), process=program.name)
        restarts.add(program.restarts, process=program.name)
    return [running, restarts]


def room(box: Box) -> Blueprint:
    rooms = Blueprint("metrics", __name__)

    def compared() -> Upstream | None:
        return read(box.paths) if box.settings.upstream.servers else None

    @rooms.get("/metrics")
    def view() -> Response:
        build = Metric("stratum1_build_info", "gauge", "Always 1; the version is the label.")
        build.add(1, version=stratum1.__version__)
        counters = box.counters.read()
        traffic = of_traffic(counters) if counters else []
        status = box.status()
        families = [build, *of_status(status), *of_reception(status), *of_upstream(compared()), *traffic]
        return Response(render([*families, *of_programs(box.children())]), content_type=CONTENT_TYPE)

    return rooms
