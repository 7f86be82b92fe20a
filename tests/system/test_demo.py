# SPDX-License-Identifier: MIT
"""The whole story with the real processes, the real gpsd and real clients: start, lock, antenna pulled, time given up,
antenna back, children killed, Ctrl-C.  The tests stand in the order in which it happens.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest
from demo_lab import AS_ROOT, PEERS, Lab, alive, eventually
from PIL import Image

from stratum1.panel.draw import MARGIN, picture
from stratum1.panel.pages import ClockPage
from stratum1.panel.png import SCALE

HOLDOVER_S = 20
CHILDREN = ("gpsd", "timekeeper", "responder", "web", "panel")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("demo"), **{"timekeeper.holdover_limit_h": HOLDOVER_S / 3600})
    lab.watch()
    lab.start()
    yield lab
    lab.close()


def needs(lab: Lab, program: str, *, port_123: bool = False) -> None:
    if not (PEERS / program).exists():
        pytest.skip(f"{program} is not in build/peers")
    if port_123 and not lab.own_network:
        pytest.skip("it asks port 123 only, and no network namespace can be made here")


def await_state(lab: Lab, state: str, within_s: float = 60.0) -> None:
    eventually(f"the state is {state}", lambda: lab.state() == state, within_s)


def panel_shows(lab: Lab, state: str) -> bool:
    """Whether the panel's picture is the clock page with this state; pages take turns and move about a little."""
    try:
        shown = Image.open(lab.paths.panel_picture).convert("L").point(lambda v: 255 * (v > 100))
    except OSError:
        return False
    points = Image.new("1", (128, 64))
    for x in range(128):
        for y in range(64):
            # The middle of a point, inside the rim of two.
            points.putpixel((x, y), shown.getpixel(((x + 2) * SCALE + 1, (y + 2) * SCALE + 1)))
    for good in (True, False):
        page = ClockPage(state, good, "", "", "", ("", ""), ("", ""), "")
        for shift in ((dx, dy) for dx in range(MARGIN + 1) for dy in range(MARGIN + 1)):
            box = (0, 0, shift[0] + 6 * len(state), shift[1] + 11)
            if points.crop(box).tobytes() == picture((128, 64), page, shift).crop(box).tobytes():
                return True
    return False


def everyone_says(lab: Lab, state: str) -> None:
    """Panel, page, its interface and the command line say the same."""
    eventually(f"the panel shows {state}", lambda: panel_shows(lab, state))
    assert f'<span id="state">{state}</span>' in lab.get("/")
    assert f'"state":"{state}"' in lab.get("/api/v1/status").replace(" ", "")
    assert re.search(rf"^State +{state}", lab.command("status").stdout, re.MULTILINE)


# Start


def test_before_the_first_lock_nobody_is_told_a_time(lab: Lab) -> None:
    first = eventually("the server answers", lab.answers)[0]
    assert (first["leap"], first["stratum"]) == (3, 0)


def test_it_locks(lab: Lab) -> None:
    await_state(lab, "LOCKED")
    eventually("the demo says so", lambda: "LOCKED, stratum 1" in lab.told.read_text())
    everyone_says(lab, "LOCKED")


def test_locked_time_on_the_wire_is_stratum_1_by_pulse(lab: Lab) -> None:
    since = time.time()
    answers = eventually("20 answers came", lambda: len(lab.answers(since)) >= 20 and lab.answers(since))
    assert {answer["host"] for answer in answers} == {"127.0.0.1", "::1"}
    for answer in answers:
        assert (answer["leap"], answer["stratum"], answer["refid"]) == (0, 1, "PPS")
        assert (answer["version"], answer["mode"], answer["length"]) == (4, 4, 48)
        assert answer["origin_echoed"]
        assert answer["root_delay"] == 0
        assert 0 < answer["root_dispersion"] < 0.001
        assert 0 <= answer["reference_age"] < 3
    best = min(answers, key=lambda answer: answer["delay"])
    assert abs(best["offset"]) < 0.001


def test_it_says_what_to_open_and_what_to_type(lab: Lab) -> None:
    told = lab.told.read_text()
    assert f"http://localhost:{lab.settings.web.port}/" in told
    assert str(lab.paths.panel_picture) in told
    assert "hat --no-pulse" in told
    assert f"port {lab.settings.ntp.port}" in told


def test_the_processes_are_told_to_whoever_asks(lab: Lab) -> None:
    found = eventually("the processes are told", lab.children)
    assert {name: child["state"] for name, child in found.items() if child["state"] != "off"} == dict.fromkeys(
        CHILDREN, "running"
    )


def chronyd_offset(lab: Lab, host: str) -> float | None:
    """Offset in seconds that chronyd measures; None when it takes no time from us."""
    server = f"server {host} port {lab.settings.ntp.port} iburst maxsamples 4"
    found = lab.client("chrony.chronyd", "-u", "root" if AS_ROOT else "nobody", "-U", "-Q", "-t", "9", server)
    wrong = re.search(r"System clock wrong by (-?[\d.]+) seconds", found.stdout)
    assert bool(wrong) == (found.returncode == 0)
    return float(wrong[1]) if wrong else None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_chronyd_takes_the_time(lab: Lab, host: str) -> None:
    needs(lab, "chrony.chronyd")
    offset = chronyd_offset(lab, host)
    assert offset is not None
    assert abs(offset) < 0.001


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ntpdig_takes_the_time(lab: Lab, host: str) -> None:
    needs(lab, "ntpsec-ntpdig.ntpdig", port_123=True)
    found = lab.client("ntpsec-ntpdig.ntpdig", "-p", "4", "-t", "5", host)
    offset = re.search(r"\) ([+-][\d.]+) \+/- [\d.]+ .* s1 no-leap", found.stdout)
    assert found.returncode == 0, found.stdout
    assert offset is not None, found.stdout
    assert abs(float(offset[1])) < 0.001


def needs_openntpd(lab: Lab) -> None:
    needs(lab, "openntpd.ntpd", port_123=True)
    if not AS_ROOT:
        pytest.skip("OpenNTPD changes its user, which needs root")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("OpenNTPD wants a user of its own, and no mount namespace can be made here")


def openntpd(lab: Lab, seconds: int) -> str:
    """What OpenNTPD says; it wants a user and folders of its own, which exist for it alone."""
    script = f"""
        add() {{ new={lab.folder}/${{1##*/}} && {{ cat "$1"; echo "$2"; }} >"$new" && mount --bind "$new" "$1"; }}
        add /etc/passwd ntpd:x:64123:64123::/:/bin/false
        add /etc/group ntpd:x:64123:
        mount -t tmpfs none /var/lib && mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db
        echo 'server 127.0.0.1' >/var/lib/openntpd/conf
        exec timeout {seconds} setpriv --bounding-set=-sys_time --inh-caps=-sys_time \
            {PEERS}/openntpd.ntpd -d -v -f /var/lib/openntpd/conf
    """
    argv = lab.inside("unshare", "--mount", "sh", "-c", script)
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout


def test_openntpd_takes_the_time(lab: Lab) -> None:
    needs_openntpd(lab)
    told = openntpd(lab, 20)
    offsets = [abs(float(text)) for text in re.findall(r"reply from 127.0.0.1: offset (-?[\d.]+)", told)]
    assert offsets, told
    assert min(offsets) < 0.001
    assert "not synced" not in told


# Antenna pulled


def test_a_receiver_that_names_a_wrong_second_is_not_believed(lab: Lab) -> None:
    since = time.time()
    lab.command("hat", "--wrong-second")
    await_state(lab, "HOLDOVER")
    await_state(lab, "UNSYNCHRONISED", HOLDOVER_S + 20)
    time.sleep(10)
    assert lab.state() == "UNSYNCHRONISED"
    assert all(abs(answer["offset"]) < 0.4 for answer in lab.answers(since) if answer["leap"] != 3)
    lab.command("hat", "--resume")
    await_state(lab, "LOCKED")


def test_without_pulses_it_holds_over_and_says_how_good_it_is(lab: Lab) -> None:
    assert lab.command("hat", "--no-pulse").returncode == 0
    await_state(lab, "HOLDOVER")
    since = time.time()
    bound = lab.status()["bound_ns"]
    everyone_says(lab, "HOLDOVER")
    answers = eventually("five seconds passed", lambda: lab.answers(since + 5) and lab.answers(since))
    later = lab.status()["bound_ns"]
    assert later > bound, "the bound grows"
    claimed = [answer for answer in answers if answer["leap"] == 0]
    assert all((answer["stratum"], answer["refid"]) == (1, "PPS") for answer in claimed)
    # On the wire it is in steps of 15 us (RFC 5905, 16.16 s), rounded up.
    spread = [answer["root_dispersion"] for answer in claimed]
    assert spread == sorted(spread)
    assert spread[-1] >= bound / 1e9
    assert max(answer["reference_age"] for answer in claimed) > 3


def test_then_it_gives_up_and_says_so_to_everyone(lab: Lab) -> None:
    await_state(lab, "UNSYNCHRONISED", HOLDOVER_S + 20)
    answer = lab.answer()
    assert (answer["leap"], answer["stratum"]) == (3, 0)
    everyone_says(lab, "UNSYNCHRONISED")
    assert lab.command("status").returncode == 1


def test_chronyd_refuses_time_that_was_given_up(lab: Lab) -> None:
    needs(lab, "chrony.chronyd")
    assert chronyd_offset(lab, "127.0.0.1") is None


def test_ntpdig_refuses_time_that_was_given_up(lab: Lab) -> None:
    needs(lab, "ntpsec-ntpdig.ntpdig", port_123=True)
    found = lab.client("ntpsec-ntpdig.ntpdig", "-t", "2", "127.0.0.1")
    assert "s1" not in found.stdout
    assert "no eligible servers" in found.stdout, found.stdout


def test_openntpd_refuses_time_that_was_given_up(lab: Lab) -> None:
    needs_openntpd(lab)
    told = openntpd(lab, 4)
    assert "not synced" in told
    assert "offset" not in told


def test_with_the_antenna_back_it_locks_again_through_unsynchronised(lab: Lab) -> None:
    since = time.time()
    lab.command("hat", "--resume")
    await_state(lab, "LOCKED")
    everyone_says(lab, "LOCKED")
    leaps = [answer["leap"] for answer in lab.answers(since)]
    assert leaps[0] == 3
    assert leaps[-1] == 0
    assert leaps == sorted(leaps, reverse=True), "unsynchronised once, then good, without flapping"


# Processes


@pytest.mark.parametrize("name", CHILDREN)
def test_a_killed_process_comes_back(lab: Lab, name: str) -> None:
    before = lab.children()[name]

    def is_back() -> bool:
        now = lab.children()[name]
        return now["state"] == "running" and now["pid"] != before["pid"] and alive(now["pid"])

    os.kill(before["pid"], signal.SIGKILL)
    eventually(f"{name} is back", is_back)
    assert lab.children()[name]["restarts"] == before["restarts"] + 1
    await_state(lab, "LOCKED")
    assert lab.answer()["leap"] in (0, 3)
    eventually("time is served again", lambda: lab.answer()["leap"] == 0)


@pytest.mark.parametrize("name", ["gpsd", "web"])
def test_a_hung_process_is_started_anew(lab: Lab, name: str) -> None:
    before = lab.children()[name]
    os.kill(before["pid"], signal.SIGSTOP)
    eventually(f"{name} is back", lambda: lab.children()[name]["pid"] not in (None, before["pid"]), 60)
    assert "did not answer" in lab.children()[name]["why"]
    eventually("the page answers", lambda: lab.get("/"))
    await_state(lab, "LOCKED")


def test_new_settings_are_taken_over_while_it_runs(lab: Lab) -> None:
    port = lab.settings.web.port + 1
    assert lab.command("settings", "set", "web.port", str(port)).returncode == 0
    eventually("the page is on its new port", lambda: lab.get("/", port))
    assert lab.command("settings", "set", "timekeeper.serving", "false").returncode == 0
    eventually("nobody is served", lambda: lab.answer()["leap"] == 3)
    assert lab.command("settings", "set", "timekeeper.serving", "true").returncode == 0
    await_state(lab, "LOCKED")


def test_bad_settings_change_nothing_and_are_named(lab: Lab) -> None:
    found = lab.command("settings", "set", "ntp.port", "0")
    assert found.returncode == 2
    assert found.stderr.startswith("stratum1 settings: ntp.port: 0 is too small")


def test_a_second_demo_in_the_same_folder_is_refused(lab: Lab) -> None:
    found = lab.command("demo", "--dir", str(lab.folder))
    assert found.returncode == 2
    assert "runs in" in found.stderr
    assert lab.state() == "LOCKED"


# The end


def test_in_all_this_no_wrong_second_was_served_and_no_claim_was_broken(lab: Lab) -> None:
    answers = lab.answers()
    assert len(answers) > 100
    for answer in answers:
        if answer["leap"] == 3:
            assert answer["stratum"] == 0
        else:
            assert answer["stratum"] == 1
            # A busy machine delays packets on one way only, by which the witness errs.
            assert abs(answer["offset"]) <= answer["delay"] / 2 + answer["root_dispersion"] + 1e-6


def test_ctrl_c_ends_everything_that_was_started(lab: Lab) -> None:
    processes = lab.processes()
    assert set(processes) >= {"supervise", "hat", *CHILDREN}
    assert lab.interrupt() == 0
    assert [name for name, pid in processes.items() if alive(pid)] == []
    assert lab.processes() == {}


def test_it_starts_again_and_a_killed_demo_leaves_nothing_behind(lab: Lab) -> None:
    lab.start()
    eventually("the page answers", lambda: lab.get("/", lab.settings.web.port + 1))
    await_state(lab, "LOCKED")
    processes = lab.processes()
    lab.interrupt(signal.SIGKILL)
    eventually("all have ended", lambda: not any(alive(pid) for pid in processes.values()))
