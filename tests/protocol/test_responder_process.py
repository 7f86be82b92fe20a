# SPDX-License-Identifier: MIT
"""`stratum1 responder` as a process on loopback: both families, faults, reload, end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from process import Process, free_port, poll, wait_for
from wire import Packet

from stratum1.ntp.counters import CountersReader
from stratum1.ntp.verdicts import Verdict
from stratum1.responder import Responder

START = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    started: list[Process] = []

    def go(**settings: object) -> Process:
        process = Process(tmp_path, **settings)
        started.append(process)
        return process

    yield go
    for process in started:
        process.end()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
def test_answers_come_from_the_address_that_was_asked(start: START, address: str) -> None:
    process = start()
    data, source = process.ask(Packet(transmit=99).pack(), address)
    got = Packet.parse(data)
    assert (got.leap, got.stratum, got.mode, got.origin) == (0, 1, 4, 99)
    assert source == (address, process.port)


def test_without_a_timekeeper_every_answer_says_so(start: START) -> None:
    process = start(page=False)
    got = Packet.parse(process.ask(Packet().pack())[0])
    assert (got.leap, got.stratum, got.refid) == (3, 0, b"INIT")
    process.publish()
    wait_for(lambda: Packet.parse(process.ask(Packet().pack())[0]).stratum == 1)


def test_a_timekeeper_that_started_anew_with_another_file_is_followed(start: START) -> None:
    process = start()
    process.tracking.unlink()
    process.publish(stratum=2)
    wait_for(lambda: Packet.parse(process.ask(Packet().pack())[0]).stratum == 2)


def test_counters_tell_what_was_served_and_dropped(start: START) -> None:
    process = start()
    process.ask(Packet(version=3, mode=1).pack(), "::1")
    process.ask(Packet().pack(), "127.0.0.1")
    process.send(Packet().pack()[:47])
    reader = CountersReader(process.run / "responder")
    counters = poll(lambda: (c := reader.read()) and c.served == 2 and c.dropped and c)
    assert counters.dropped == {Verdict.SHORT: 1}
    assert counters.modes == {1: 1, 3: 2}
    assert counters.versions == {3: 1, 4: 2}
    assert (counters.port, counters.ipv4, counters.ipv6, counters.problem) == (process.port, True, True, "")
    assert {client.address for client in reader.clients()} == {"127.0.0.1", "::1"}
    assert counters.total("unstamped") == 0, "loopback gives kernel stamps"


def test_a_taken_port_is_one_line_that_says_by_whom(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::", port))
        process = Process(tmp_path, port=port, wait=False)
        assert process.process.wait(20) == 2
        [line] = process.errors().splitlines()
        assert str(port) in line and "taken by" in line and f"pid {os.getpid()}" in line


def test_another_responder_on_the_port_is_found_out_too(start: START, tmp_path: Path) -> None:
    process = start()
    other = Process(tmp_path / "other", port=process.port, wait=False)
    assert other.process.wait(20) == 2
    assert "taken by" in other.errors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(start: START, number: int) -> None:
    process = start()
    process.process.send_signal(number)
    assert process.process.wait(5) == 0


def test_reload_takes_over_other_rules_without_missing_a_request(start: START) -> None:
    process = start()
    answered = 0
    with process.client("127.0.0.1") as client:
        for round_ in range(300):
            if round_ % 30 == 10:
                process.configure(rate_burst=64 + round_, rate_per_minute=0)
                process.process.send_signal(signal.SIGHUP)
            client.send(Packet(transmit=round_ + 1).pack())
            answered += Packet.parse(client.recv(100)).origin == round_ + 1
    assert answered == 300
    process.configure(allow=["192.0.2.0/24"])
    process.process.send_signal(signal.SIGHUP)
    reader = CountersReader(process.run / "responder")

    def refused() -> bool:
        process.send(Packet().pack())
        counters = reader.read()
        return counters is not None and Verdict.ACCESS in counters.dropped

    wait_for(refused)


def test_reload_moves_to_another_port_and_number_of_threads(start: START) -> None:
    process = start(workers=1)
    process.configure(port=free_port(), workers=3)
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: Packet.parse(process.ask(Packet().pack())[0]).stratum == 1)
    reader = CountersReader(process.run / "responder")
    counters = poll(lambda: (c := reader.read()) and c.port == process.port and len(c.workers) == 6 and c)
    assert all(worker.running for worker in counters.workers)


def test_reload_to_a_taken_port_keeps_serving_and_tells(start: START) -> None:
    process = start()
    before = process.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 0))
        process.configure(port=other.getsockname()[1])
        process.port = before
        process.process.send_signal(signal.SIGHUP)
        reader = CountersReader(process.run / "responder")
        poll(lambda: (c := reader.read()) and "taken by" in c.problem)
        assert Packet.parse(process.ask(Packet().pack())[0]).stratum == 1


def test_a_damaged_settings_file_keeps_the_last_good_one(start: START) -> None:
    process = start()
    (process.data / "stratum1.toml").write_text("port = [", encoding="utf-8")
    process.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "last good settings" in process.errors())
    assert Packet.parse(process.ask(Packet().pack())[0]).stratum == 1


def test_a_worker_that_dies_is_replaced_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    paths = Process.folders(tmp_path, port=port, workers=1)
    responder = Responder(paths)
    try:
        assert responder.second()
        # Its descriptor becomes something that is no socket, as a bug in the process might do it.
        sick = responder.crew.seats[0]
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), sick.sock.fileno())
        sick.thread.join(10)
        assert not sick.thread.is_alive()
        assert responder.second()
        counters = CountersReader(paths.responder_counters).read()
        assert counters is not None and counters.replaced == 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(Packet().pack(), ("127.0.0.1", port))
            assert len(client.recv(100)) == 48
    finally:
        responder.crew.stop()


def test_a_worker_that_does_not_turn_stops_the_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    responder = Responder(Process.folders(tmp_path, port=free_port(), workers=1))
    try:
        assert responder.second()
        later = time.monotonic() + 6.0
        turns = {seat: seat.worker.turns for seat in responder.crew.seats}
        monkeypatch.setattr("stratum1.responder.time.monotonic", lambda: later)
        for seat in responder.crew.seats:
            seat.turns = turns[seat]
        stuck = responder.crew.seats[0]

        class Still:
            turns = stuck.turns

        alive, stuck.worker = stuck.worker, Still()  # type: ignore[assignment]
        assert not responder.crew.turning()
        stuck.worker = alive
    finally:
        monkeypatch.undo()
        responder.crew.stop()


def test_both_families_off_is_an_error(tmp_path: Path) -> None:
    process = Process(tmp_path, ipv4=False, ipv6=False, wait=False)
    assert process.process.wait(20) == 2
    assert "ntp.ipv4 and ntp.ipv6" in process.errors()


def test_no_folder_to_write_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = {**os.environ, "STRATUM1_RUN": str(tmp_path / "file" / "run"), "STRATUM1_DATA": str(tmp_path)}
    (tmp_path / "stratum1.toml").write_text(f"version = 1\n[ntp]\nport = {free_port()}\n", encoding="utf-8")
    code = "import sys; from stratum1.responder import main; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "file" in done.stderr
