# SPDX-License-Identifier: MIT
"""The responder at half load for an hour: flat memory, no lost answer, stamps in order.

    python bench/responder_soak.py [--minutes N] [--rate R]

Prints a line a minute; exit status 1 when an answer was lost, a stamp was impossible or out of order, or memory grew
by more than 1 MB after the first minute.  The rate is half of the median of five seconds at full load, unless given.

An answer that came, and found the load generator's own queue full, is counted apart ("unread") and is no lost one.  Of
lost ones the responder's own count of reasons is told ("queue full" among them), and how long its threads were ready
and had no processor ("starved").  At most 4096 requests are unanswered at a time, which the responder's queue holds:
a machine that others use slows the soak ("skipped" were due and not asked) and makes no loss that is not ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from responder import WINDOW, Server, compile_tools, ours, publish

from stratum1.ntp.counters import CountersReader
from stratum1.ntp.verdicts import Verdict


def starved_s(server: Server) -> float:
    """Since its start, how long its threads could have run and had no processor."""
    tasks = Path(f"/proc/{server.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9


def not_answered(counters: CountersReader) -> Counter[str]:
    """Since its start, the requests that it did not answer, by its own word: why, and "queue full"."""
    said = counters.read()
    if said is None:
        return Counter()
    reasons = {verdict.name.lower(): said.verdict(verdict) for verdict in Verdict if not verdict.answered}
    return Counter({**reasons, "queue full": sum(worker.overflowed for worker in said.workers)})


def half_load(server: Server) -> int:
    turns = [server.load("full", str(server.port), "1", WINDOW) for _ in range(5)]
    return int(statistics.median(said["received"] / said["seconds"] for said in turns) / 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=0, help="requests a second")
    options = parser.parse_args()
    compile_tools()
    bad = total = 0
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder) / "ours", 11305, keys=False) as server:
        run = Path(folder) / "ours" / "run"
        time.sleep(2)
        rate = options.rate or half_load(server)
        print(f"{rate} requests a second for {options.minutes:g} minutes", flush=True)
        first = 0.0
        left = options.minutes * 60
        counters = CountersReader(run / "responder")
        while left > 0:
            publish(run / "tracking")
            seconds = min(60.0, left)
            before, starved = not_answered(counters), starved_s(server)
            said = server.load("paced", str(server.port), f"{seconds:g}", str(rate))
            left -= seconds
            memory = server.rss_mb()
            first = first or memory
            why = dict(not_answered(counters) - before)
            starved = starved_s(server) - starved
            lost = int(said["sent"] - said["received"] - said["unread"])
            wrong = int(said["impossible"] + said["disordered"])
            bad += abs(lost) + wrong + (memory > first + 1)
            total += int(said["sent"])
            print(
                f"sent {said['sent']} lost {lost} {why or ''} (starved {starved:.1f} s) unread {said['unread']} "
                f"skipped {said['skipped']} wrong stamps {wrong} RSS {memory:.1f} MB load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            if server.process.poll() is not None:
                print("the responder has ended", file=sys.stderr)
                return 1
            if said["sent"] < rate * seconds / 2:
                print("the load generator had too little processor to ask even half of it", file=sys.stderr)
                return 1
    print(f"all well, {total} requests" if not bad else "NOT well: see above")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
