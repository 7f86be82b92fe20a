# SPDX-License-Identifier: MIT
"""The responder at half load for an hour: flat memory, no lost answer, stamps in order.

    python bench/responder_soak.py [--minutes N] [--rate R]

Prints a line a minute; exit status 1 when an answer was lost, a stamp was impossible or out of order, or memory grew
by more than 1 MB after the first minute.  The rate is half of what the machine was seen to do in two seconds, unless
given.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from responder import WINDOW, compile_tools, ours, publish


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=0, help="requests a second")
    options = parser.parse_args()
    compile_tools()
    bad = 0
    with tempfile.TemporaryDirectory() as folder, ours(Path(folder) / "ours", 11305, keys=False) as server:
        time.sleep(2)
        page = Path(folder) / "ours" / "run" / "tracking"
        rate = options.rate
        if not rate:
            said = server.load("full", str(server.port), "2", WINDOW)
            rate = int(said["received"] / said["seconds"] / 2)
        print(f"{rate} requests a second for {options.minutes:g} minutes", flush=True)
        first = 0.0
        left = options.minutes * 60
        while left > 0:
            publish(page)
            seconds = min(60.0, left)
            said = server.load("open", str(server.port), f"{seconds:g}", str(rate))
            left -= seconds
            memory = server.rss_mb()
            first = first or memory
            lost = int(said["sent"] - said["received"])
            wrong = int(said["impossible"] + said["disordered"])
            bad += lost + wrong + (memory > first + 1)
            print(f"sent {said['sent']} lost {lost} wrong stamps {wrong} RSS {memory:.1f} MB", flush=True)
            if server.process.poll() is not None:
                print("the responder has ended", file=sys.stderr)
                return 1
    print("all well" if not bad else "NOT well: see above")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
