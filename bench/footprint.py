#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the appliance costs: memory, processor, and how soon it is useful.  Prints figures, asserts nothing.

It starts the demo in a folder of its own, on free ports, waits until it is locked, and watches it for a while.
The demo itself and the simulated hat are not of the appliance and are listed apart.

    footprint.py [--seconds 60] [--json build/bench/footprint.json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from stratum1 import demo, status
from stratum1.paths import Paths
from stratum1.settings import save

NOT_OF_THE_APPLIANCE = ("demo", "hat")
TICK = os.sysconf("SC_CLK_TCK")


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET6, kind) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


def processes(paths: Paths) -> dict[str, int]:
    """Every process of this demo, by name."""
    found = {}
    mark = f"STRATUM1_RUN={paths.run}".encode()
    for entry in Path("/proc").iterdir():
        try:
            if mark not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        name = words[words.index("stratum1") + 1] if "stratum1" in words else Path(words[0]).name
        found[name] = int(entry.name)
    return found


def memory_kb(pid: int) -> dict[str, int]:
    """RSS, and PSS, which shares what is shared (proc_pid_smaps_rollup(5))."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    sizes = {row[0].rstrip(":"): int(row[1]) for row in rows}
    return {"rss_kb": sizes["Rss"], "pss_kb": sizes["Pss"]}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wakes(pid: int) -> int:
    """Voluntary context switches of all threads."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                count += int(line.split()[1])
    return count


def page_answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://localhost:{port}/", timeout=1) as page:
            return bool(page.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start_times(paths: Paths, port: int, started: float) -> dict[str, float]:
    """Seconds from the start to the usable page, and from the first fix to LOCKED."""
    times: dict[str, float] = {}
    fix_at = 0.0
    while "first_lock_after_fix_s" not in times and time.monotonic() - started < 120:
        now = time.monotonic()
        if "page_usable_s" not in times and page_answers(port):
            times["page_usable_s"] = round(time.monotonic() - started, 2)
        told = status.read(paths)
        if not fix_at and told.fix_mode >= 2:
            fix_at = now
        if told.state == "LOCKED":
            times["first_lock_after_fix_s"] = round(now - fix_at, 2)
            times["first_lock_after_start_s"] = round(now - started, 2)
        time.sleep(0.05)
    return times


def watch(paths: Paths, seconds: float) -> list[dict[str, object]]:
    found = processes(paths)
    before = {name: (cpu_s(pid), wakes(pid)) for name, pid in found.items()}
    began = time.monotonic()
    time.sleep(seconds)
    rows: list[dict[str, object]] = []
    for name, pid in sorted(found.items()):
        took = time.monotonic() - began
        rows.append(
            {
                "process": name,
                **memory_kb(pid),
                "cpu_percent": round(100 * (cpu_s(pid) - before[name][0]) / took, 3),
                "wakes_per_s": round((wakes(pid) - before[name][1]) / took, 1),
            }
        )
    return rows


def measure(seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="stratum1-") as folder:
        paths = Paths(root=Path("/"), run=Path(folder) / "run", data=Path(folder) / "data")
        port = free_port(socket.SOCK_STREAM)
        chosen = demo.settings(paths).changed("web.port", port)
        chosen = chosen.changed("ntp.port", free_port(socket.SOCK_DGRAM))
        chosen = chosen.changed("receiver.gpsd_port", free_port(socket.SOCK_STREAM))
        save(paths.settings, chosen)
        started = time.monotonic()
        argv = [sys.executable, "-P", "-m", "stratum1", "demo", "--dir", folder]
        # The mark by which processes() finds it too.
        environ = {**os.environ, **paths.environment()}
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=environ) as running:
            try:
                times = start_times(paths, port, started)
                time.sleep(5)
                rows = watch(paths, seconds)
            finally:
                running.send_signal(signal.SIGINT)
    ours = [row for row in rows if row["process"] not in NOT_OF_THE_APPLIANCE]
    total: dict[str, object] = {
        key: round(sum(float(str(row[key])) for row in ours), 3)
        for key in ("rss_kb", "pss_kb", "cpu_percent", "wakes_per_s")
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"machine": machine, "watched_s": seconds, "processes": rows, "appliance": total, **times}


def show(found: dict[str, object]) -> None:
    rows, total = found["processes"], found["appliance"]
    assert isinstance(rows, list)
    assert isinstance(total, dict)
    print(found["machine"])
    print(f"{'process':<12} {'RSS MB':>8} {'PSS MB':>8} {'% of a core':>12} {'wakes/s':>8}")
    for row in [*rows, {"process": "appliance", **total}]:
        apart = " (not of the appliance)" if row["process"] in NOT_OF_THE_APPLIANCE else ""
        print(
            f"{row['process']:<12} {row['rss_kb'] / 1024:8.1f} {row['pss_kb'] / 1024:8.1f}"
            f" {row['cpu_percent']:12.2f} {row['wakes_per_s']:8.1f}{apart}"
        )
    print(f"page usable after start   {found.get('page_usable_s', 'never')} s")
    print(f"first lock after the fix  {found.get('first_lock_after_fix_s', 'never')} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch (60)")
    parser.add_argument("--json", type=Path, default=Path("build/bench/footprint.json"))
    options = parser.parse_args()
    found = measure(options.seconds)
    show(found)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"written to {options.json}")


if __name__ == "__main__":
    main()
