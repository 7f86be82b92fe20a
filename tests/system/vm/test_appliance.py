# SPDX-License-Identifier: MIT
"""The story of one box: started, locked, its antenna taken away and given back, pulled about, and always honest.

The cases follow each other on one machine; each leaves it LOCKED.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from appliance import Answer, Appliance, wait_until
from guest import PROJECT
from page_client import Person

BOOT_S, LOCK_S = 90.0, 60.0
PEERS = PROJECT / "build/peers/bin"


def locked(box: Appliance, seconds: float = LOCK_S) -> None:
    wait_until("LOCKED on the wire and on the page", lambda: synchronised(box) and box.state() == "LOCKED", seconds)


def synchronised(box: Appliance) -> bool:
    answer = box.ask()
    return answer is not None and answer.synchronised


def refusing(box: Appliance) -> bool:
    """It answers, and says that its time is no good; no answer is none."""
    answer = box.ask()
    return answer is not None and (answer.leap, answer.stratum) == (3, 0)


def grown(box: Appliance, first: Answer) -> bool:
    answer = box.ask()
    return answer is not None and answer.root_dispersion_s > first.root_dispersion_s


def client(box: Appliance, *command: str) -> subprocess.CompletedProcess[str]:
    """A real client, told to ask the box."""
    words = [word.replace("PORT", str(box.machine.ntp_port)) for word in command]
    return subprocess.run([str(PEERS / words[0]), *words[1:]], capture_output=True, text=True, timeout=60)


def chronyd(box: Appliance) -> subprocess.CompletedProcess[str]:
    return client(box, "chrony.chronyd", "-u", "root", "-U", "-Q", "-t", "15", "server 127.0.0.1 port PORT iburst")


@pytest.fixture(autouse=True)
def antenna_back(box: Appliance) -> Iterator[None]:
    """However a case ends, the next one finds the receiver well."""
    yield
    box.hat("resume")


def test_before_the_first_lock_it_claims_nothing(box: Appliance) -> None:
    first = wait_until("an answer", box.ask, BOOT_S)
    assert (first.leap, first.stratum) == (3, 0)


def test_it_locks_as_stratum_1_on_the_pulse(box: Appliance) -> None:
    locked(box, BOOT_S)
    answer = box.ask()
    assert answer is not None and (answer.leap, answer.stratum, answer.refid) == (0, 1, b"PPS\0")
    assert box.page("/api/v1/status")["pulse_device"].startswith("pps0")


def test_the_glass_shows_what_the_wire_says(box: Appliance) -> None:
    wait_until("LOCKED on the panel", lambda: box.panel_shows("LOCKED"), 40)


def test_real_clients_accept_it(box: Appliance) -> None:
    found = chronyd(box)
    assert found.returncode == 0, found.stderr


def test_served_time_is_true_to_a_millisecond(box: Appliance) -> None:
    wait_until("error below 1 ms", lambda: abs(box.error_ns()) < 1_000_000, 60)


def test_antenna_off_is_holdover_then_refusal_and_antenna_on_is_the_right_second_again(box: Appliance) -> None:
    box.hat("antenna off")
    wait_until("HOLDOVER", lambda: box.state() == "HOLDOVER", 15)
    wait_until("HOLDOVER on the panel", lambda: box.panel_shows("HOLDOVER"), 15)
    first = box.ask()
    assert first is not None and first.synchronised
    wait_until("a growing dispersion", lambda: grown(box, first), 20)
    wait_until("LI=3 and stratum 0", lambda: refusing(box), 60)
    wait_until("UNSYNCHRONISED on the page", lambda: box.state() == "UNSYNCHRONISED", 10)
    assert chronyd(box).returncode != 0
    box.hat("antenna on")
    locked(box)
    assert abs(box.error_ns()) < 10_000_000


def test_pulses_without_a_fix_are_no_time(box: Appliance) -> None:
    locked(box)
    box.hat("fix off")
    wait_until("HOLDOVER", lambda: box.state() == "HOLDOVER", 15)
    box.hat("fix on")
    locked(box)


def test_a_receiver_that_names_the_wrong_second_moves_nothing(box: Appliance) -> None:
    locked(box)
    box.hat("label 1")
    wait_until("distrust", lambda: box.state() != "LOCKED", 20)
    assert abs(box.error_ns()) < 10_000_000
    box.hat("label 0")
    locked(box)
    assert abs(box.error_ns()) < 10_000_000


def test_a_receiver_unplugged_and_put_back(box: Appliance) -> None:
    locked(box)
    box.hat("unplug")
    wait_until("HOLDOVER", lambda: box.state() == "HOLDOVER", 20)
    box.hat("plug")
    locked(box)


@pytest.mark.parametrize(
    "name", ["gpsd -n", "stratum1 timekeeper", "stratum1 responder", "stratum1 panel", "stratum1 web"]
)
def test_a_killed_process_comes_back(box: Appliance, name: str) -> None:
    before = set(box.agent(f"kill {name}"))
    assert before, f"no process {name!r} was running"
    wait_until(f"{name} again", lambda: set(box.agent(f"pids {name}")) - before, 30)
    locked(box)


def test_what_was_set_on_the_page_survives_a_power_cut_and_the_stored_drift_is_used(box: Appliance) -> None:
    person = Person(box.machine.web_port)
    person.first_visit()
    person.change("system", "zone", "Europe/Berlin")
    wait_until("a stored drift", lambda: "frequency" in box.agent("run cat /data/stratum1/drift.json"), 150)
    box.power_cut()
    wait_until("an answer", box.ask, BOOT_S)
    locked(box, BOOT_S)
    assert box.agent("run stratum1 settings get system.zone").strip() == "Europe/Berlin"


def test_a_hung_supervisor_is_reset_by_the_watchdog(box: Appliance) -> None:
    started = box.agent("run cat /proc/uptime").split()[0]
    box.agent("stop stratum1 supervise")
    box.forget_agent()

    def restarted() -> bool:
        try:
            return float(box.agent("run cat /proc/uptime", timeout=3).split()[0]) < float(started)
        except (OSError, RuntimeError):
            box.forget_agent()
            return False

    wait_until("a restart", restarted, 150)
    locked(box, BOOT_S)
