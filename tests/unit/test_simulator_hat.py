# SPDX-License-Identifier: MIT
"""The simulated hat keeps its promises to the rest: pulses on the second, sentences after them, faults when asked."""

from __future__ import annotations

import calendar
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from receiver_line import DEADLINE_S, events_until, gpsd, needs_gpsd
from running_hat import RunningHat

from stratum1.paths import Paths
from stratum1.receiver.events import Epoch
from stratum1.receiver.gpsd import GpsdStream
from stratum1.timescale import NS_PER_S

MS = 1_000_000


@pytest.fixture
def hat(tmp_path: Path) -> Iterator[RunningHat]:
    running = RunningHat(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end()


def test_pulses_are_stamped_on_the_second_and_told_just_after(hat: RunningHat) -> None:
    records = hat.pulses(4)
    for (assert_sequence, clear_sequence, assert_ns, clear_ns, _), read_ns in records:
        off_ns = (assert_ns + NS_PER_S // 2) % NS_PER_S - NS_PER_S // 2
        assert abs(off_ns) < 200_000
        assert read_ns >= assert_ns
        assert clear_sequence == assert_sequence - 1
        if clear_sequence:
            assert clear_ns == pytest.approx(assert_ns - 900 * MS, abs=1 * MS)
    sequences = [record[0][0] for record in records]
    assert sequences == list(range(sequences[0], sequences[0] + 4))


def test_sentences_name_the_second_of_the_pulse_before_them(hat: RunningHat) -> None:
    fd = os.open(hat.paths.hat_serial, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            try:
                data, now = os.read(fd, 4096), time.time()
            except BlockingIOError:
                time.sleep(0.002)
                continue
            if match := re.match(rb"\$GPRMC,(\d{6})\.00,A,.*,(\d{6}),", data):
                told = time.strptime((match[2] + match[1]).decode(), "%d%m%y%H%M%S")
                assert 0.1 < now - calendar.timegm(told) < 1.0
                return
    finally:
        os.close(fd)
    pytest.fail("no RMC with a fix came")


def test_every_sentence_has_a_good_checksum_and_the_burst_is_whole(hat: RunningHat) -> None:
    kinds = {body[:5] for body in hat.sentences(until=b"$GPZDA,1") + hat.sentences(until=b"$GPZDA,1")}
    kinds |= {body[:5] for body in hat.sentences(until=b"GPRMC,") + hat.sentences(until=b"$GPZDA")}
    assert {"GPRMC", "GPGGA", "GPGSA", "GPGSV", "GPZDA"} <= kinds


def test_no_pulse_and_back(hat: RunningHat) -> None:
    assert hat.pulses(1)
    assert "no pulse" in hat.order("--no-pulse").stdout
    assert hat.pulses(1, limit_s=2.5) == []
    assert "no faults" in hat.order("--resume").stdout
    assert hat.pulses(1)


def test_no_fix_leaves_the_pulses_and_no_antenna_takes_them(hat: RunningHat) -> None:
    hat.pulses(1)
    hat.order("--no-fix")
    assert hat.pulses(2)
    assert any(re.match(r"GPRMC,\d{6}\.00,V,", body) for body in hat.sentences(until=b",V,"))
    hat.order("--resume", "--no-antenna")
    assert hat.pulses(1, limit_s=2.5) == []


def test_a_spike_is_one_late_pulse(hat: RunningHat) -> None:
    offs = [
        record[0][2] % NS_PER_S
        for record in hat.pulses(
            6, after_first=lambda: hat.order("--spike", "300000").stdout.index("late by 300000 ns")
        )
    ]
    assert sum(270_000 <= off < 600_000 for off in offs) == 1


def test_faults_add_up_until_resume(hat: RunningHat) -> None:
    hat.order("--no-pulse")
    told = hat.order("--wrong-second", "-3").stdout
    assert "no pulse" in told
    assert "-3" in told
    assert "no pulse" in hat.order().stdout
    assert "no faults" in hat.order("--resume").stdout


def test_bad_orders_get_one_line_and_change_nothing(hat: RunningHat) -> None:
    refused = hat.order("--wrong-second", "100000")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "wrong_second" in refused.stderr
    assert "no faults" in hat.order().stdout


@pytest.mark.parametrize(
    "line", [b"\n", b"[]\n", b'{"set":{"no_fix":1}}\n', b'{"set":5}\n', b"{" * 5000 + b"\n", b"\xff\n"]
)
def test_the_control_socket_survives_nonsense(hat: RunningHat, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(DEADLINE_S)
        s.connect(str(hat.paths.hat_control))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(line)
            assert s.recv(4096)[:9] in (b'{"error":', b"")
    assert "no faults" in hat.order().stdout


def test_without_a_hat_an_order_says_so(tmp_path: Path) -> None:
    environ = {**os.environ, **Paths(Path("/"), tmp_path, tmp_path).environment()}
    refused = subprocess.run(
        [sys.executable, "-m", "stratum1", "hat", "--no-fix"],
        env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "no simulated hat is running" in refused.stderr


def test_a_second_hat_in_the_same_place_refuses(hat: RunningHat) -> None:
    refused = hat.order("serve")
    assert refused.returncode == 2
    assert "running already" in refused.stderr
    assert hat.pulses(1)


def test_it_ends_on_request_and_leaves_nothing(hat: RunningHat) -> None:
    assert hat.end() == 0
    assert list(hat.paths.run.iterdir()) == []


@needs_gpsd
def test_gpsd_and_the_reader_see_the_second_and_its_delay(hat: RunningHat) -> None:
    with gpsd(str(hat.paths.hat_serial)) as port:
        stream = GpsdStream(port=port)
        told = events_until(stream, lambda events: sum(isinstance(event, Epoch) for event in events) >= 3)
    for epoch in told:
        if isinstance(epoch, Epoch) and epoch.fix_mode >= 2:
            assert epoch.utc_ns % NS_PER_S == 0
            assert 0 < epoch.arrival_ns - epoch.utc_ns < NS_PER_S


@needs_gpsd
@pytest.mark.parametrize("date", ["2036-02-07T06:28:10Z", "2038-01-19T03:14:02Z", "2044-02-29T12:00:00Z"])
def test_dates_beyond_the_eras_come_through_gpsd(tmp_path: Path, date: str) -> None:
    from stratum1.timescale import iso_utc

    hat = RunningHat(tmp_path, "--date", date)
    try:
        with gpsd(str(hat.paths.hat_serial)) as port:
            stream = GpsdStream(port=port)
            told = events_until(stream, lambda events: any(isinstance(e, Epoch) and e.fix_mode >= 2 for e in events))
        epochs = [event for event in told if isinstance(event, Epoch) and event.fix_mode >= 2]
        assert iso_utc(epochs[-1].utc_ns)[:10] == date[:10]
        assert epochs[-1].date_plausible
    finally:
        hat.end()


@needs_gpsd
def test_a_leap_second_is_told_as_the_second_that_posix_counts_twice(tmp_path: Path) -> None:
    midnight_ns = 1_798_761_600 * NS_PER_S  # 2027-01-01
    hat = RunningHat(tmp_path, "--date", "2026-12-31T23:59:50Z", "--leap", "2027-01-01T00:00:00Z")
    try:
        with gpsd(str(hat.paths.hat_serial)) as port:
            stream = GpsdStream(port=port)
            told = events_until(
                stream, lambda events: any(isinstance(e, Epoch) and e.utc_ns > midnight_ns + NS_PER_S for e in events)
            )
    finally:
        hat.end()
    epochs = {(event.utc_ns, event.arrival_ns // (100 * MS)) for event in told if isinstance(event, Epoch)}
    assert sum(utc_ns == midnight_ns for utc_ns, _ in epochs) >= 2


@needs_gpsd
def test_ten_epochs_a_second_come_through_gpsd_in_order(tmp_path: Path) -> None:
    hat = RunningHat(tmp_path, "--dialect", "ublox8", "--rate", "10", "--baud", "115200")
    try:
        with gpsd(str(hat.paths.hat_serial)) as port:
            stream = GpsdStream(port=port)
            told = events_until(
                stream, lambda events: sum(isinstance(e, Epoch) and e.utc_valid is True for e in events) > 30
            )
    finally:
        hat.end()
    # Each may be told twice, when a later message of its burst knows more of the fix.
    times = list(dict.fromkeys(event.utc_ns for event in told if isinstance(event, Epoch) and event.utc_valid))[-12:]
    assert len(times) == 12
    assert {later - earlier for earlier, later in pairwise(times)} == {100 * MS}
