#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the page costs, and whether time notices: 50 pages a second beside the responder, on one core with it.

    page.py [--rounds 8] [--seconds 4] [--json build/bench/page.json]

The offset that a client with kernel stamps sees is measured in turns, with the page idle and with the page loaded;
the difference of the medians is to be held against their spread (iqr).  Then first views, memory, first bytes.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import http.cookiejar
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from responder import BUILD, LOAD_CORE, compile_tools, ours, pinned

from stratum1.paths import Paths
from stratum1.settings import load, save
from stratum1.supervisor.plans import LEAN

PAGES = ("/", "/history", "/sources", "/clients", "/help", "/api/v1/status", "/metrics", "/clock")
ROOMS = ("log", "keys", "tokens", "test", "restart", "reset", "update", "backup", "certificate", "support")
BEHIND_THE_PASSWORD = ("/settings", "/password", "/sources/raw", "/system", *(f"/system/{room}" for room in ROOMS))
COMPILE = (
    "from stratum1.web import lean; lean.begin(); import stratum1.web.server, stratum1.web.forms, argon2, zipfile, "
    "stratum1.web.system_forms, stratum1.update.slots, stratum1.update.progress"
)
PER_SECOND = 50
NTP_PER_SECOND = "1000"


class Visitors(threading.Thread):
    """PER_SECOND pages a second in turn, on one connection kept open, until stopped."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.served = 0
        self.slowest_ms = 0.0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        due = time.monotonic()
        while not self._over.is_set():
            began = time.monotonic()
            connection.request("GET", PAGES[self.served % len(PAGES)])
            connection.getresponse().read()
            now = time.monotonic()
            self.slowest_ms = max(self.slowest_ms, (now - began) * 1000)
            self.served += 1
            due += 1 / PER_SECOND
            self._over.wait(max(0.0, due - now))

    def stop(self) -> None:
        self._over.set()
        self.join(30)


def first_view(port: int, path: str) -> dict[str, int]:
    """Bytes of a page and of all that it names, as they go over the wire now, and were they compressed."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        page = answer.read()
    parts = [page]
    for name in sorted(set(re.findall(rb'(?:src|href)="(/static/[^"]+)"', page))):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{name.decode()}", timeout=30) as answer:
            parts.append(answer.read())
    return {"bytes": sum(map(len, parts)), "files": len(parts), "gzip_bytes": sum(len(gzip.compress(p)) for p in parts)}


def first_byte_ms(port: int, encrypted: bool) -> float:
    """From the first packet of a new connection to the first byte of the status page; median of 20."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    found = []
    for _ in range(20):
        began = time.monotonic()
        if encrypted:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        connection.getresponse().read(1)
        found.append((time.monotonic() - began) * 1000)
        connection.close()
    return round(statistics.median(found), 2)


def rss_mb(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return round(int(line.split()[1]) / 1024, 1)


def opened_all(port: int, pid: int) -> float:
    """RSS once a new owner has logged in five times and opened every page."""
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def send(page: str, to: str, **fields: str) -> None:
        text = visitor.open(f"http://127.0.0.1:{port}{page}", timeout=30).read().decode()
        [token, *_] = re.findall(r'name="csrf_token" type="hidden" value="([^"]+)"', text)
        form = urllib.parse.urlencode({**fields, "csrf_token": token}).encode()
        visitor.open(f"http://127.0.0.1:{port}{to}", form, timeout=30).read()

    password = "green teapot rides"
    send("/welcome", "/welcome", password=password, again=password, name="clock", zone="UTC")
    for _ in range(4):
        send("/settings", "/logout")
        send("/login", "/login", password=password)
    for path in (*PAGES, *BEHIND_THE_PASSWORD):
        visitor.open(f"http://127.0.0.1:{port}{path}", timeout=30).read()
    return rss_mb(pid)


def spread(values: list[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median_us": round(middle / 1000, 2), "iqr_us": round((high - low) / 1000, 2)}


def measure(folder: Path, rounds: int, seconds: str) -> dict[str, Any]:
    ntp_port, port, https_port = 11223, 18080, 18443
    with ours(folder, ntp_port, keys=False) as server:
        paths = Paths(root=Path("/"), run=folder / "run", data=folder / "data")
        settings = load(paths.settings).settings.changed("web.port", port).changed("web.https_port", https_port)
        save(paths.settings, settings.changed("web.address", "127.0.0.1"))
        environ = {**LEAN, **os.environ, **paths.environment(), "PYTHONPYCACHEPREFIX": str(BUILD / "pycache")}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        # As in the image, where bytecode was compiled before: a process that compiles keeps some of what that took.
        subprocess.run([sys.executable, "-P", "-c", COMPILE], env=environ, check=True)
        page = pinned(sys.executable, "-P", "-m", "stratum1", "web", env=environ)
        try:
            began = time.monotonic()
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                    break
                except OSError:
                    if time.monotonic() - began > 60:
                        raise
                    time.sleep(0.02)
            ready_s = time.monotonic() - began
            rss = {"start_mb": rss_mb(page.pid)}
            found: dict[str, list[dict[str, float]]] = {"idle": [], "loaded": []}
            served, slowest = 0, 0.0
            for number in range(2 * rounds):
                loaded = number % 2 == 1
                visitors = Visitors(port)
                if loaded:
                    visitors.start()
                found["loaded" if loaded else "idle"].append(
                    server.load("probe", str(ntp_port), seconds, NTP_PER_SECOND, "basic")
                )
                if loaded:
                    visitors.stop()
                    served, slowest = served + visitors.served, max(slowest, visitors.slowest_ms)
            return {
                "pages_per_second": round(served / (rounds * float(seconds)), 1),
                "slowest_page_ms": round(slowest, 1),
                "p50": {name: spread([each["p50_ns"] for each in runs]) for name, runs in found.items()},
                "p99": {name: spread([each["p99_ns"] for each in runs]) for name, runs in found.items()},
                "unanswered": {
                    name: sum(int(each["probes"] - each["answered"]) for each in runs) for name, runs in found.items()
                },
                "first_view": {path: first_view(port, path) for path in ("/", "/history", "/help", "/clock")},
                "first_byte_ms": {"plain": first_byte_ms(port, False), "encrypted": first_byte_ms(https_port, True)},
                "rss": {**rss, "public_pages_mb": rss_mb(page.pid), "all_pages_mb": opened_all(port, page.pid)},
                "ready_s": round(ready_s, 2),
            }
        finally:
            page.terminate()
            page.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="What the page costs, and whether time notices.")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", default="4")
    parser.add_argument("--json", type=Path, default=BUILD / "page.json")
    options = parser.parse_args()
    # The visitors, as the NTP clients, come from the other core.
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    compile_tools()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder) / "page", options.rounds, options.seconds)
    found["load_average"] = os.getloadavg()[0]
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
