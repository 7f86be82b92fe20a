# SPDX-License-Identifier: MIT
"""What stands between fork and exec: descriptors, signals, users, and the bond of life with the parent."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stratum1.supervisor.accounts import CAP_NET_BIND_SERVICE, CAP_SYS_TIME, Account, account, with_devices
from stratum1.supervisor.spawn import CHILD_HEARTBEAT_FD, spawn

ENVIRON = [f"{key}={value}".encode() for key, value in os.environ.items()]
AS_ROOT = os.geteuid() == 0 and account(("nobody",)) is not None


def run(argv: list[str], environ: list[bytes] = ENVIRON, **more: object) -> tuple[int, str]:
    """(exit status, output) of a child."""
    output, writer = os.pipe()
    pid = spawn([word.encode() for word in argv], environ, writer, **more)  # type: ignore[arg-type]
    os.close(writer)
    with os.fdopen(output, encoding="utf-8") as text:
        told = text.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), told


@contextmanager
def inherited_descriptor() -> Iterator[int]:
    fd = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        yield fd
    finally:
        os.close(fd)


def test_output_error_and_status_come_back() -> None:
    assert run(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]) == (7, "out\nerr\n")


def test_the_environment_is_the_one_given() -> None:
    assert run(["/bin/sh", "-c", 'echo "$WORD"'], [b"WORD=a b"]) == (0, "a b\n")


def test_it_has_no_input_and_a_group_of_its_own() -> None:
    code, told = run(
        [sys.executable, "-c", "import os,sys; print(os.getpid() == os.getpgid(0), repr(sys.stdin.read()))"]
    )
    assert (code, told) == (0, "True ''\n")


def test_it_inherits_nothing_but_the_heartbeat() -> None:
    with inherited_descriptor() as stranger:
        code, told = run(["/bin/ls", "/proc/self/fd"], heartbeat_fd=stranger)
    # 0 to 2, the heartbeat, and the folder that ls itself has open
    assert (code, told.split()) == (0, ["0", "1", "2", str(CHILD_HEARTBEAT_FD), str(CHILD_HEARTBEAT_FD + 1)])


def test_without_a_heartbeat_there_is_none() -> None:
    with inherited_descriptor():
        assert run(["/bin/ls", "/proc/self/fd"])[1].split() == ["0", "1", "2", "3"]


def test_no_signal_is_left_blocked_or_ignored() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup leaves it
    try:
        told = run(["/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])[1]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        signal.signal(signal.SIGHUP, before)
    blocked, ignored = (int(line.split()[1], 16) for line in told.splitlines())
    # 32 and 33 belong to the C library, which lets nobody touch them (signal(7)).
    assert (blocked, ignored & ~(1 << 31 | 1 << 32)) == (0, 0)


def test_it_can_gain_no_rights_by_exec() -> None:
    assert "NoNewPrivs:\t1" in run(["/bin/grep", "NoNewPrivs", "/proc/self/status"])[1]


@pytest.mark.parametrize(("path", "error"), [("/no/such/program", FileNotFoundError), ("/etc/passwd", PermissionError)])
def test_what_cannot_be_started_says_why(path: str, error: type[OSError]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(error) as caught:
        run([path])
    assert caught.value.filename == path
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    # run() leaves its own pipe open when spawn() raises
    assert len(os.listdir("/proc/self/fd")) == before + 2


def test_descriptors_do_not_leak() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        run(["/bin/true"])
    assert len(os.listdir("/proc/self/fd")) == before


BOND = """
import os, sys, time
from stratum1.supervisor.spawn import spawn
print(spawn([b"/bin/sleep", b"60"], [], 1), flush=True)
time.sleep(60)
"""


def test_it_dies_with_its_parent_however_that_ends() -> None:
    parent = subprocess.Popen([sys.executable, "-c", BOND], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


# Users and capabilities


@pytest.mark.skipif(not AS_ROOT, reason="needs root, who may change users")
def test_root_gives_up_all_but_what_is_named() -> None:
    nobody = pwd.getpwnam("nobody")
    who = Account(nobody.pw_uid, nobody.pw_gid, (nobody.pw_gid,), (CAP_NET_BIND_SERVICE, CAP_SYS_TIME))
    told = run(["/bin/grep", "-E", "^(Uid|Gid|Groups|Cap(Eff|Prm|Amb))", "/proc/self/status"], account=who.raw())[1]
    found = {line.split(":")[0]: line.split(":")[1].split() for line in told.splitlines()}
    assert found["Uid"] == [str(nobody.pw_uid)] * 4
    assert found["Gid"] == [str(nobody.pw_gid)] * 4
    assert found["Groups"] == [str(nobody.pw_gid)]
    mask = f"{1 << CAP_NET_BIND_SERVICE | 1 << CAP_SYS_TIME:016x}"
    assert found["CapEff"] == found["CapPrm"] == found["CapAmb"] == [mask]


@pytest.mark.skipif(not AS_ROOT, reason="needs root, who may change users")
def test_it_dies_with_its_parent_also_as_another_user() -> None:
    nobody = pwd.getpwnam("nobody")
    bond = BOND.replace("[], 1)", f"[], 1, -1, ({nobody.pw_uid}, {nobody.pw_gid}, (), 0))")
    parent = subprocess.Popen([sys.executable, "-c", bond], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)


def test_a_user_that_does_not_exist_is_passed_over() -> None:
    assert account(("no-such-user",)) is None
    if AS_ROOT:
        found = account(("no-such-user", "nobody"), CAP_SYS_TIME)
        assert found is not None
        assert found.uid == pwd.getpwnam("nobody").pw_uid
        assert found.raw()[3] == 1 << CAP_SYS_TIME


def test_an_ordinary_user_changes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert account(("nobody",)) is None


@pytest.mark.skipif(not AS_ROOT, reason="needs root, who owns devices")
def test_a_device_is_lent_through_its_group() -> None:
    master, slave = os.openpty()
    try:
        device = Path(os.ttyname(slave))
        os.chown(device, -1, 5)
        os.chmod(device, 0o600)
        who = with_devices(Account(65534, 65534), [device, Path("/no/such/device")])
        assert who is not None
        assert who.groups == (5,)
        assert device.stat().st_mode & 0o777 == 0o660
        os.chown(device, -1, 0)
        assert with_devices(Account(65534, 65534), [device]) == Account(65534, 65534)
        assert device.stat().st_gid == 65534, "nobody is put into the group of root"
    finally:
        os.close(master)
        os.close(slave)


def test_an_ordinary_file_is_no_device(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o600)
    with_devices(Account(65534, 65534), [path])
    assert path.stat().st_mode & 0o777 == 0o600
