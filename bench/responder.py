# SPDX-License-Identifier: MIT
"""Answers per second and core, stamps and memory of the responder beside other servers, on loopback.

    python bench/responder.py [--rounds N] [--seconds S] [--out FILE]

Every server runs on core 1 and is loaded from core 0, all in turns of one interleaved run; the figure of a server is
the median of its rounds.  Compared are: the echo loop of responder_echo.c (1.00), ours, ours with AES-CMAC, and what
scripts/peers.sh has unpacked below build/peers (what is missing is said).  chronyd runs with -x, ntpd and openntpd in
a network namespace without CAP_SYS_TIME: no clock is touched.  A machine with other work to do gives poor absolute
figures; ratios hold better, and load_average in the result tells.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
PEERS = Path(os.environ.get("STRATUM1_PEERS", ROOT / "build" / "peers"))
KEY_ID, SECRET = 7, bytes(range(16))
SERVER_CORE, LOAD_CORE = "1", "0"
WINDOW = "64"
NO_CLOCK = ["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"]


@dataclass
class Server:
    name: str
    process: subprocess.Popen[bytes]
    pid: int
    port: int
    enter: list[str] = field(default_factory=list)
    request: str = ""
    cost_ns: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    probes: dict[str, list[dict[str, float]]] = field(default_factory=lambda: {"basic": [], "interleaved": []})
    loss: float = 0.0

    def cpu_ns(self) -> int:
        """CPU time of all its threads and processes."""
        total = 0
        for pid in family(self.pid):
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(task.read_text().split()[0])
        return total

    def rss_mb(self) -> float:
        lines = [line for pid in family(self.pid) for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def load(self, *arguments: str) -> dict[str, float]:
        command = [*self.enter, "taskset", "-c", LOAD_CORE, str(BUILD / "responder_load"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}")
        return dict(json.loads(done.stdout))


def compile_tools() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("responder_echo", "responder_load"):
        source, program = ROOT / "bench" / f"{name}.c", BUILD / name
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source)], check=True)


def pinned(*command: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )


@contextlib.contextmanager
def ours(folder: Path, port: int, keys: bool) -> Iterator[Server]:
    """Our responder, rate limit off, one worker; the page is written by this process and is right for this machine."""
    from stratum1.paths import Paths
    from stratum1.settings import Settings, save
    from stratum1.supervisor.plans import LEAN

    paths = Paths(root=Path("/"), run=folder / "run", data=folder / "data")
    paths.run.mkdir(parents=True)
    ntp = {"port": port, "workers": 1, "rate_per_minute": 0}
    save(paths.settings, Settings.from_tables({"ntp": ntp}))
    request = ""
    if keys:
        paths.ntp_keys.write_text(f"{KEY_ID} AES128 HEX:{SECRET.hex()}\n")
        from stratum1.ntp.auth import Keys
        from stratum1.ntp.keyfile import Key

        packet = b"\x23" + bytes(47)
        request = (packet + Keys([Key(KEY_ID, "AES128", SECRET)]).mac(KEY_ID, packet)).hex()
    publish(paths.tracking)
    # As the supervisor starts it in the image: lean, and with bytecode that was compiled before (kept below build).
    environ = {**LEAN, **os.environ, **paths.environment()}
    environ["PYTHONPYCACHEPREFIX"] = str(BUILD / "pycache")
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-P", "-c", "import stratum1.responder, stratum1.ntp.auth"], env=environ, check=True
    )
    process = pinned(sys.executable, "-P", "-m", "stratum1", "responder", env=environ)
    server = Server("stratum1 with AES-CMAC" if keys else "stratum1", process, process.pid, port, request=request)
    try:
        yield server
    finally:
        process.terminate()
        process.wait()


def publish(path: Path) -> None:
    from stratum1.tracking import Leap, Reason, Snapshot, State, TrackingWriter

    now = time.time_ns()
    TrackingWriter(path).write(
        Snapshot(
            state=State.LOCKED,
            reason=Reason.TRACKING,
            leap=Leap.NONE,
            stratum=1,
            refid=b"PPS\0",
            kernel_ns=now,
            realtime_minus_monotonic_ns=now - time.monotonic_ns(),
            reference_ns=now,
            bound_ns=5000,
            bound_limit_ns=1_000_000_000,
            utc_valid=True,
        )
    )


@contextlib.contextmanager
def echo(port: int) -> Iterator[Server]:
    process = pinned(str(BUILD / "responder_echo"), str(port))
    try:
        yield Server("echo", process, process.pid, port)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def chronyd(folder: Path, port: int) -> Iterator[Server]:
    folder.mkdir()
    configuration = folder / "chrony.conf"
    configuration.write_text(f"port {port}\ncmdport 0\nallow\nlocal stratum 1\npidfile {folder}/pid\n")
    user = ["-u", "root"] if os.geteuid() == 0 else []
    process = pinned(str(PEERS / "bin" / "chrony.chronyd"), "-x", "-n", *user, "-f", str(configuration))
    try:
        yield Server("chronyd", process, process.pid, port)
    finally:
        process.terminate()
        process.wait()


_LOOPBACK_UP = (
    "import fcntl, os, socket, struct, sys; s = socket.socket(); "
    "fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 0x49)); s.close(); os.execvp(sys.argv[1], sys.argv[1:])"
)


@contextlib.contextmanager
def in_namespace(name: str, folder: Path, script: str, program: str) -> Iterator[Server]:
    """A server that knows port 123 alone: a network of its own, and no right to set a clock."""
    shell = ["sh", "-c", script]
    process = pinned("unshare", "--net", "--mount", sys.executable, "-c", _LOOPBACK_UP, *NO_CLOCK, *shell)
    deadline = time.monotonic() + 5
    pid = 0
    try:
        while not pid and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
            pid = running(process.pid, program)
        if not pid:
            raise RuntimeError(f"{name} did not start")
        time.sleep(1)
        yield Server(name, process, pid, 123, enter=["nsenter", "-t", str(process.pid), "--net"])
    finally:
        for child in family(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, 9)
        process.kill()
        process.wait()


def family(pid: int) -> list[int]:
    """All descendants of a process, the process first."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def running(pid: int, program: str) -> int:
    """The first among `pid` and its descendants that runs `program`; 0 when none does."""
    for one in family(pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{one}/exe").resolve().name == program:
                return one
    return 0


def ntpd(folder: Path) -> contextlib.AbstractContextManager[Server]:
    folder.mkdir()
    (folder / "ntp.conf").write_text(
        "refclock local stratum 1\ndisable ntp\nrestrict default\nrestrict 127.0.0.1\n", encoding="utf-8"
    )
    script = f"exec {PEERS}/bin/ntpsec.ntpd -n -c {folder}/ntp.conf"
    return in_namespace("ntpd (ntpsec)", folder, script, "ntpd")


def openntpd(folder: Path) -> contextlib.AbstractContextManager[Server]:
    folder.mkdir()
    (folder / "ntpd.conf").write_text("listen on *\n", encoding="utf-8")
    home = folder / "home"
    home.mkdir()
    for part in (folder, folder.parent):
        part.chmod(0o755)
    users = Path("/etc/passwd").read_text() + "".join(
        f"{name}:x:64999:64999::{home}:/bin/false\n" for name in ("ntpd", "openntpd", "_ntp")
    )
    (folder / "passwd").write_text(users)
    script = (
        f"mount --bind {folder}/passwd /etc/passwd && mount -t tmpfs none /var/lib && "
        f"mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db && "
        f"exec {PEERS}/bin/openntpd.ntpd -d -f {folder}/ntpd.conf"
    )
    return in_namespace("OpenNTPD", folder, script, "ntpd")


def start_all(stack: contextlib.ExitStack, folder: Path) -> tuple[list[Server], dict[str, str]]:
    servers = [
        stack.enter_context(echo(11301)),
        stack.enter_context(ours(folder / "ours", 11302, keys=False)),
        stack.enter_context(ours(folder / "keys", 11303, keys=True)),
    ]
    missing: dict[str, str] = {}
    if (PEERS / "bin" / "chrony.chronyd").exists():
        servers.append(stack.enter_context(chronyd(folder / "chrony", 11304)))
    else:
        missing["chronyd"] = "not unpacked (scripts/peers.sh)"
    for name, program, start in (("ntpd (ntpsec)", "ntpsec.ntpd", ntpd), ("OpenNTPD", "openntpd.ntpd", openntpd)):
        if not (PEERS / "bin" / program).exists():
            missing[name] = "not unpacked (scripts/peers.sh)"
        elif os.geteuid() != 0 or not shutil.which("setpriv"):
            missing[name] = "needs root for a network namespace (it knows port 123 alone)"
        else:
            try:
                servers.append(stack.enter_context(start(folder / program)))
            except RuntimeError as error:
                missing[name] = str(error)
    return servers, missing


def measure(servers: list[Server], rounds: int, seconds: float) -> None:
    for turn in range(rounds):
        for server in servers:
            before = server.cpu_ns()
            request = [server.request] if server.request else []
            said = server.load("full", str(server.port), str(seconds), WINDOW, *request)
            spent = server.cpu_ns() - before
            if said["received"] and spent and turn:
                server.cost_ns.append(spent / said["received"])
                server.per_second.append(1e9 * said["received"] / spent)
        print(f"round {turn + 1} of {rounds}{' (not counted)' if not turn else ''}", file=sys.stderr, flush=True)
    timed = [server for server in servers if server.name in ("stratum1", "chronyd")]
    half = str(int(statistics.median(servers[1].per_second) / 4))
    for _ in range(max(1, rounds // 2)):
        for server in timed:
            for mode, kept in server.probes.items():
                kept.append(server.load("probe", str(server.port), str(max(1.0, seconds)), half, mode))
    for server in servers:
        if not server.request:
            said = server.load("open", str(server.port), "2", "60000")
            server.loss = 1 - said["received"] / said["sent"]


def offset(server: Server, mode: str) -> dict[str, float]:
    said = [one for one in server.probes[mode] if one["answered"] and (mode == "basic" or one["interleaved"])]
    if not said:
        return {}
    return {
        "p50": round(statistics.median(one["p50_ns"] for one in said) / 1000, 3),
        "p99": round(statistics.median(one["p99_ns"] for one in said) / 1000, 3),
        "signed_median": round(statistics.median(one["median_ns"] for one in said) / 1000, 3),
        "exchanges": sum(int(one["answered"]) for one in said),
    }


def report(servers: list[Server], missing: dict[str, str]) -> dict[str, Any]:
    cost = {server.name: statistics.median(server.cost_ns) for server in servers if server.cost_ns}
    result: dict[str, Any] = {"load_average": os.getloadavg()[0], "servers": {}, "missing": missing}
    for server in servers:
        if server.name not in cost:
            missing[server.name] = "answered nothing"
            continue
        ns = cost[server.name]
        result["servers"][server.name] = {
            "ns_per_reply": round(ns),
            "ratio_to_echo": round(cost["echo"] / ns, 3),
            "ratio_to_chronyd": round(cost["chronyd"] / ns, 3) if "chronyd" in cost else None,
            "offset_us": offset(server, "basic"),
            "offset_interleaved_us": offset(server, "interleaved"),
            "loss_60k": round(server.loss, 6) if not server.request else None,
            "rss_mb": round(server.rss_mb(), 1),
        }
    return result


def show(result: dict[str, Any]) -> None:
    row = "{:24} {:>8} {:>8} {:>10} {:>16} {:>16} {:>9} {:>7}"
    print(row.format("", "ns", "to echo", "to chronyd", "p50/p99 us", "interleaved us", "loss 60k", "RSS MB"))
    for name, said in result["servers"].items():
        spans = [
            f"{said[kind]['p50']:.2f} / {said[kind]['p99']:.2f}" if said[kind] else "-"
            for kind in ("offset_us", "offset_interleaved_us")
        ]
        loss = "-" if said["loss_60k"] is None else f"{said['loss_60k']:.2%}"
        ratio = "-" if said["ratio_to_chronyd"] is None else f"{said['ratio_to_chronyd']:.2f}"
        print(
            row.format(name, said["ns_per_reply"], f"{said['ratio_to_echo']:.2f}", ratio, *spans, loss, said["rss_mb"])
        )
    for name, why in result["missing"].items():
        print(f"{name}: missing, {why}")
    print(f"load average {result['load_average']:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="the first warms up and is not counted (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one turn (default 1)")
    parser.add_argument("--out", type=Path, default=BUILD / "responder.json")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: want at least 2")
    if (os.cpu_count() or 1) < 2:
        parser.error("this machine has one core; the server needs one and the load another")
    compile_tools()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers, missing = start_all(stack, Path(folder))
        time.sleep(2)
        measure(servers, options.rounds, options.seconds)
        result = report(servers, missing)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
