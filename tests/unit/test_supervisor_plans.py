# SPDX-License-Identifier: MIT
"""What must be there before a start, and the one line that says so when it is not."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stratum1.paths import Paths
from stratum1.receiver import memory
from stratum1.receiver.status import ReceiverStatus
from stratum1.settings import Settings, save
from stratum1.supervisor import supervisor as supervisor_module
from stratum1.supervisor.child import HOPELESS_RETRY_S, BlockedError, Child, State
from stratum1.supervisor.plans import Plans
from stratum1.supervisor.receiver_watch import ReceiverWatch
from stratum1.supervisor.supervisor import StartError, Supervisor, main, take_folders
from stratum1.supervisor.watchdog import Watchdog


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    for name in ("root/dev", "run", "data"):
        (tmp_path / name).mkdir(parents=True)
    return Paths(tmp_path / "root", tmp_path / "run", tmp_path / "data")


@pytest.fixture
def gpsd(tmp_path: Path) -> str:
    """A program that can be found where gpsd is looked for."""
    program = tmp_path / "bin" / "gpsd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plans(paths: Paths, **settings: object) -> Plans:
    chosen = Settings()
    for key, value in settings.items():
        chosen = chosen.changed(key.replace("__", "."), value)
    return Plans(paths, chosen)


def child(plans: Plans, name: str) -> Child:
    return next(child for child in plans.children(lambda text: None) if child.name == name)


def blocked(plans: Plans) -> BlockedError:
    with pytest.raises(BlockedError) as caught:
        plans.gpsd()
    assert "\n" not in str(caught.value)
    return caught.value


# gpsd


def test_gpsd_is_started_with_its_own_port_and_the_receiver(paths: Paths, gpsd: str, free_port: int) -> None:
    device = paths.dev / "ttyAMA0"
    device.touch()
    found = plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=free_port).gpsd()
    # Behind what sets the receiver up and then becomes gpsd
    assert found.argv[-7:] == (str(device), "--", gpsd, "-n", "-N", "-S", str(free_port))


def test_a_missing_gpsd_is_told_with_what_to_do(paths: Paths) -> None:
    (paths.dev / "ttyAMA0").touch()
    why = blocked(plans(paths, receiver__gpsd="no-such-gpsd"))
    assert "'no-such-gpsd'" in str(why)
    assert "apt-get install gpsd" in str(why)
    assert why.retry_s == HOPELESS_RETRY_S


def test_a_gpsd_outside_the_path_of_ordinary_users_is_found(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    (paths.dev / "ttyAMA0").touch()
    monkeypatch.setenv("PATH", "/nowhere")
    assert plans(paths, receiver__gpsd_port=free_port).gpsd().argv[-5].endswith("/sbin/gpsd")


def test_a_receiver_that_is_not_there_is_waited_for(paths: Paths, gpsd: str, free_port: int) -> None:
    plan = plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=free_port, receiver__device="/dev/no-such-tty")
    why = blocked(plan)
    assert "/dev/no-such-tty" in str(why)
    assert why.retry_s <= 1
    assert why.state is State.WAITING


def test_a_taken_port_is_told_with_what_to_do(paths: Paths, gpsd: str) -> None:
    (paths.dev / "ttyAMA0").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        why = blocked(plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=port))
    assert f"TCP port {port}" in str(why)
    assert "receiver.gpsd_port" in str(why)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (["ttyUSB0", "ttyAMA0"], ["ttyAMA0", "ttyUSB0"]),
        (["ttyUSB0", "gps0"], ["gps0", "ttyUSB0"]),
        (["ttyAMA10", "ttyAMA0", "ttyACM1", "ttyS0"], ["ttyAMA0", "ttyAMA10", "ttyS0", "ttyACM1"]),
        (["tty1", "ttyprintk", "ttyS40"], None),
    ],
)
def test_receivers_are_looked_for_at_the_names_that_they_have(
    paths: Paths, gpsd: str, free_port: int, present: list[str], wanted: list[str] | None
) -> None:
    for name in present:
        (paths.dev / name).touch()
    plan = plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=free_port)
    if wanted is None:
        assert "no GPS receiver" in str(blocked(plan))
    else:
        argv = plan.gpsd().argv
        end = argv.index("--")
        assert argv[end - len(wanted) : end] == tuple(str(paths.dev / name) for name in wanted)


def test_a_console_and_a_uart_without_hardware_are_left_alone(paths: Paths, gpsd: str, free_port: int) -> None:
    for name in ("ttyAMA10", "ttyS0", "ttyS1"):
        (paths.dev / name).touch()
        (paths.sys / "class/tty" / name).mkdir(parents=True)
        (paths.sys / "class/tty" / name / "type").write_text("0\n" if name == "ttyS0" else "4\n")
    paths.proc.mkdir()
    (paths.proc / "consoles").write_text("ttyAMA10             -W- (EC   a)  204:74\ntty0 -WU (E p) 4:1\n")
    argv = plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=free_port).gpsd().argv
    assert argv[argv.index("--") - 1] == str(paths.dev / "ttyS1")
    assert str(paths.dev / "ttyAMA10") not in argv
    assert str(paths.dev / "ttyS0") not in argv


def test_a_link_and_what_it_leads_to_are_one_device(paths: Paths, gpsd: str, free_port: int) -> None:
    (paths.dev / "ttyS0").touch()
    (paths.dev / "serial0").symlink_to("ttyS0")
    argv = plans(paths, receiver__gpsd=gpsd, receiver__gpsd_port=free_port).gpsd().argv
    assert argv.count(str(paths.dev / "ttyS0")) == 1
    assert str(paths.dev / "serial0") not in argv


def test_another_device_starts_gpsd_anew_only_when_the_receiver_in_use_has_gone(paths: Paths, gpsd: str) -> None:
    for name in ("ttyAMA0", "ttyUSB0"):
        (paths.dev / name).touch()
    plan = plans(paths, receiver__gpsd=gpsd)
    first = plan.gpsd_key()
    memory.save(paths.receiver_answer, memory.Memory((memory.Found(str(paths.dev / "ttyUSB0"), 9600),)))
    (paths.dev / "ttyUSB1").touch()
    assert plan.gpsd_key() == first
    (paths.dev / "ttyUSB0").unlink()
    assert plan.gpsd_key() != first


def test_a_link_that_leads_to_another_device_starts_gpsd_anew_and_an_unplugged_one_does_not(
    paths: Paths, gpsd: str
) -> None:
    link = paths.dev / "gps0"
    for name in ("one", "two"):
        (paths.dev / name).touch()
    link.symlink_to(paths.dev / "one")
    plan = plans(paths, receiver__gpsd=gpsd)
    first = plan.gpsd_key()
    link.unlink()
    assert plan.gpsd_key() == first
    link.symlink_to(paths.dev / "two")
    assert plan.gpsd_key() != first


def test_other_receiver_settings_start_gpsd_anew(paths: Paths) -> None:
    plan = plans(paths)
    first = plan.gpsd_key()
    plan.settings = plan.settings.changed("receiver.gpsd_port", 3000)
    assert plan.gpsd_key() != first
    second = plan.gpsd_key()
    plan.settings = plan.settings.changed("ntp.port", 3000)
    assert plan.gpsd_key() == second


# Our own processes


def test_each_process_is_a_verb_of_this_very_program(paths: Paths) -> None:
    names = [child.name for child in plans(paths).children(lambda text: None)]
    assert names == ["gpsd", "timekeeper", "responder", "web", "upstream", "alarms", "panel", "wall"]


@pytest.mark.parametrize("name", ["upstream", "panel", "wall"])
def test_what_is_switched_off_is_not_started(paths: Paths, name: str) -> None:
    display = child(plans(paths, panel__device="none", panel__wall=False), name)
    display.turn(0.0)
    assert (display.state, display.pid) == (State.OFF, None)


def test_upstream_servers_are_told_as_arguments_and_others_start_it_anew(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratum1.supervisor.child.spawn", lambda argv, *_: started.append(argv) or 4_000_000)
    monkeypatch.setattr(os, "waitid", lambda *_: None)
    monkeypatch.setattr(os, "killpg", lambda pid, number: ended.append(number))
    started: list[list[bytes]] = []
    ended: list[int] = []
    plan = plans(paths, upstream__servers=["ntp1.example.org", "192.0.2.1"], upstream__poll_s=128)
    upstream = child(plan, "upstream")
    upstream.turn(0.0)
    assert started[0][-5:] == [b"upstream", b"--poll", b"128", b"ntp1.example.org", b"192.0.2.1"]
    upstream.turn(0.1)
    plan.settings = plan.settings.changed("ntp.port", 3000)
    upstream.turn(0.2)
    assert ended == []
    plan.settings = plan.settings.changed("upstream.servers", ["192.0.2.2"])
    upstream.turn(0.3)
    assert ended == [signal.SIGTERM]


# Folders


def test_folders_are_made_and_kept_to_one_supervisor(tmp_path: Path) -> None:
    paths = Paths(Path("/"), tmp_path / "a" / "run", tmp_path / "b" / "data")
    lock = take_folders(paths)
    try:
        with pytest.raises(StartError, match=f"already runs in .* \\(process {os.getpid()}\\)"):
            take_folders(paths)
    finally:
        os.close(lock)
    os.close(take_folders(paths))


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot make the folder .*; run as root or set STRATUM1_RUN"):
        take_folders(Paths(Path("/"), tmp_path / "file" / "run", tmp_path / "data"))


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "data")
    with pytest.raises(StartError, match=r"cannot write in .*/data: permission denied; .* STRATUM1_DATA"):
        take_folders(Paths(Path("/"), tmp_path / "run", tmp_path / "data"))


def test_the_command_says_it_in_one_line_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STRATUM1_RUN", str(tmp_path / "file" / "run"))
    assert main([]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("supervise: cannot make the folder")


# The receiver's watch


def test_an_answer_of_gpsd_is_written_and_dated(tmp_path: Path) -> None:
    path = tmp_path / "receiver.json"
    watch = ReceiverWatch(lambda: ReceiverStatus(gpsd="3.22", name="u-blox 8"), path)
    assert watch.answered is None
    watch.look()
    assert watch.answered is not None
    assert json.loads(path.read_text())["name"] == "u-blox 8"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["receiver.json"]


def test_silence_of_gpsd_is_written_and_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / "receiver.json"
    watch = ReceiverWatch(lambda: ReceiverStatus(problem="gpsd does not answer"), path)
    watch.look()
    assert watch.answered is None
    assert json.loads(path.read_text())["problem"] == "gpsd does not answer"


# The hardware watchdog


class FakeWatchdog(Watchdog):
    """A watchdog whose device is a file, and which counts."""

    def __init__(self, device: Path) -> None:
        super().__init__(device)
        self.fed = 0

    def feed(self) -> None:
        super().feed()
        self.fed += 1


def test_the_watchdog_is_fed_and_closed_by_the_letter_v(tmp_path: Path) -> None:
    device = tmp_path / "watchdog"
    device.touch()
    watchdog = Watchdog(device)
    watchdog.feed()
    watchdog.feed()
    watchdog.close()
    assert device.read_bytes() == b"\0\0V"


def test_no_watchdog_is_no_reason_not_to_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert supervisor_module._open_watchdog(tmp_path / "watchdog") is None
    assert "no hardware watchdog" in capsys.readouterr().err


@pytest.fixture
def idle(paths: Paths) -> Iterator[Supervisor]:
    """A supervisor whose children are looked at and never started."""
    (paths.root / "watchdog").touch()
    yield Supervisor(paths, FakeWatchdog(paths.root / "watchdog"))


def fed(supervisor: Supervisor, now: float) -> bool:
    watchdog = supervisor.watchdog
    assert isinstance(watchdog, FakeWatchdog)
    before = watchdog.fed
    supervisor.feed(now)
    return watchdog.fed > before


def test_the_watchdog_is_fed_only_while_the_appliance_does_what_it_is_for(idle: Supervisor) -> None:
    now = time.monotonic()
    for member in idle.children:
        member.state = State.RUNNING
    assert fed(idle, now)
    idle.children[1].state = State.RESTARTING
    assert fed(idle, now + supervisor_module.UNFIT_S - 1)
    assert not fed(idle, now + supervisor_module.UNFIT_S + 1)
    idle.children[1].state = State.RUNNING
    assert fed(idle, now + supervisor_module.UNFIT_S + 2)


def test_what_a_restart_cannot_mend_is_no_reason_for_one(idle: Supervisor) -> None:
    now = time.monotonic()
    for member in idle.children:
        member.state = State.RUNNING
    idle.children[2].state, idle.children[2].hopeless = State.RESTARTING, True
    assert fed(idle, now + 10 * supervisor_module.UNFIT_S)


def test_a_missing_receiver_or_panel_is_no_reason_for_a_restart(idle: Supervisor) -> None:
    for member in idle.children:
        essential = member.name in supervisor_module.ESSENTIAL
        member.state = State.RUNNING if essential else State.WAITING
    assert fed(idle, time.monotonic() + 10 * supervisor_module.UNFIT_S)


# The whole, with programs that stand in for gpsd


def supervise(paths: Paths, **settings: object) -> subprocess.Popen[str]:
    chosen = Settings()
    ports: dict[str, object] = {"ntp.port": 0, "web.port": 0, "receiver.gpsd_port": 0}
    for key in ports:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports[key] = probe.getsockname()[1]
    wanted = {**ports, "timekeeper.steer": "none", "panel.device": "none", **settings}
    for key, value in wanted.items():
        chosen = chosen.changed(key, value)
    save(paths.settings, chosen)
    argv = [sys.executable, "-P", "-m", "stratum1", "supervise"]
    environ = {**os.environ, **paths.environment()}
    return subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True)


def told(paths: Paths) -> dict[str, Any]:
    try:
        return dict(json.loads(paths.children_status.read_bytes()))
    except (OSError, ValueError):
        return {}


def await_(happens: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_receiver_it_runs_and_says_what_is_missing_and_ends_on_request(paths: Paths) -> None:
    paths.tracking.write_bytes(b"x" * 512)
    with supervise(paths, **{"receiver.device": str(paths.dev / "none")}) as running:
        await_(lambda: told(paths).get("gpsd", {}).get("state") == "waiting")
        await_(lambda: told(paths)["web"]["state"] == "running")
        assert "no GPS receiver at" in told(paths)["gpsd"]["why"]
        assert told(paths)["panel"]["state"] == "off"
        await_(lambda: not paths.tracking.exists() or paths.tracking.read_bytes()[:4] != b"xxxx")
        pids = [entry["pid"] for entry in told(paths).values() if entry["pid"]]
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert not paths.children_status.exists()


def test_a_killed_supervisor_takes_everything_with_it(paths: Paths) -> None:
    with supervise(paths) as running:
        await_(lambda: told(paths).get("timekeeper", {}).get("pid"))
        pids = [entry["pid"] for entry in told(paths).values() if entry["pid"]]
        running.kill()
    await_(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
