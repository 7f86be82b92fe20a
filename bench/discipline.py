# SPDX-License-Identifier: MIT
"""How near to true time the discipline keeps a clock, on simulated crystals.

    python bench/discipline.py [--traces FOLDER] [--seed N] [--json FILE] [--plots FOLDER] [--write FOLDER]

Without a folder the traces are made from the seed.  Everything is counted from 1 h on unless it says otherwise.
"true time error" is that of the steered clock at each true second, before its pulse is known; `served_*` is the same
for clock + correction as a reader of the snapshot would serve it.  Prints a table, asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "simulation")]

from discipline_traces import HOUR, MISSING, Trace, TraceError, generate, read, write  # noqa: E402
from simulated_clock import Bench, Record  # noqa: E402

from stratum1.discipline import Config, Discipline  # noqa: E402

LOCK_NS = 1000.0
LOCK_S = 120


def ready(trace: Trace, *, steers: bool = True) -> Bench:
    freq, noise = trace.freq_1e13.tolist(), trace.noise_1e10.tolist()
    return Bench(
        Config(steers=steers),
        error_ns=round(trace.x0 * 1e9),
        crystal=freq.__getitem__,
        noise=lambda second: None if noise[second] == MISSING else noise[second],
        thermometer=trace.temperature_mc,
    )


def lock_s(errors: list[float]) -> int | None:
    """Seconds until the error stays below 1 us for 120 s; None = never."""
    good = 0
    for second, error in enumerate(errors):
        good = good + 1 if abs(error) < LOCK_NS else 0
        if good == LOCK_S:
            return second - LOCK_S + 1
    return None


def figures(errors: list[float]) -> dict[str, float]:
    values = np.array(errors)
    return {
        "rms_ns": float(np.sqrt(np.mean(values**2))),
        "mean_ns": float(np.mean(values)),
        "sd_ns": float(np.std(values)),
        "p99_ns": float(np.quantile(np.abs(values), 0.99)),
        "max_ns": float(np.max(np.abs(values))),
    }


def outages(trace: Trace, start_s: list[int], length_s: int = HOUR) -> tuple[list[float], int]:
    """Served error (us) after each outage of `length_s` that begins at one of `start_s`; bound violations."""
    bench = ready(trace)
    worst = []
    for start in start_s:
        bench.run(start - bench.clock.second)
        bench.run(length_s, pulse=False)
        worst.append(abs(bench.record.served_ns[-1]) / 1e3)
    return worst, bench.record.violations()


def false_step(trace: Trace, undisturbed: Record, at: int) -> tuple[float, float, int]:
    """All pulses of 10 s are 50 ms late: (how far the clock was moved by it, its worst error) in us, violations."""
    bench = ready(trace)
    bench.run(at)
    bench.run(10, extra_ns=50_000_000)
    bench.run(120)
    with_it = bench.record.clock_ns[at : at + 130]
    without = undisturbed.clock_ns[at : at + 130]
    moved = max(abs(a - b) for a, b in zip(with_it, without, strict=True))
    return moved / 1e3, max(map(abs, with_it)) / 1e3, bench.record.violations()


class Timed:
    """A Discipline whose updates are timed: one leading edge taken in, with Python's call around it."""

    def __init__(self, discipline: Discipline) -> None:
        self._discipline = discipline
        self.taken_ns: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._discipline, name)

    def edge(self, sequence: int, stamp_ns: int) -> None:
        before = time.perf_counter_ns()
        self._discipline.edge(sequence, stamp_ns)
        self.taken_ns.append(time.perf_counter_ns() - before)


def update_ns(trace: Trace) -> float:
    """Median time of one update over the trace's first two hours."""
    bench = ready(trace)
    bench.discipline = timed = Timed(bench.discipline)  # type: ignore[assignment]
    bench.run(min(len(trace), 2 * HOUR))
    return statistics.median(timed.taken_ns)


def judge(trace: Trace, faults: bool = True) -> tuple[dict[str, Any], Record]:
    bench = ready(trace)
    bench.run(len(trace))
    record = bench.record
    first = next(i for i, noise in enumerate(trace.noise_1e10) if noise != MISSING)
    served = figures(record.served_ns[HOUR:])
    result: dict[str, Any] = {"text": trace.text, "judged": "steered kernel clock at each true second, from 1 h on"}
    result |= figures(record.clock_ns[HOUR:])
    result |= {f"served_{key}": value for key, value in served.items()}
    at = lock_s(record.clock_ns)
    result["lock_1us_s"] = None if at is None else at - first
    violations = record.violations()
    bounds = np.array(record.bound_ns[HOUR:])
    result["bound_over_rms"] = float(np.median(bounds)) / served["rms_ns"]
    result["bound_mean_over_rms"] = float(np.mean(bounds)) / served["rms_ns"]
    result["served_share"] = sum(state.serves for state in record.state[HOUR:]) / (len(trace) - HOUR)
    if faults:
        starts = list(range(3 * HOUR, len(trace) - HOUR - 600, 5 * HOUR))
        result["holdover_us"], more = outages(trace, starts)
        violations += more
        moved, worst, more = false_step(trace, record, 2 * HOUR)
        result["false_step_us"], result["false_step_worst_us"] = moved, worst
        violations += more
    result["bound_violations"] = violations
    result["update_ns"] = update_ns(trace)
    return result, record


def row(name: str, result: dict[str, Any]) -> str:
    holdover = "/".join(f"{value:.0f}" for value in result.get("holdover_us", [])) or "-"
    lock = result["lock_1us_s"]
    moved = result.get("false_step_us", math.nan)
    return (
        f"{name:22s} {result['rms_ns']:8.1f} {result['mean_ns']:8.1f} {result['sd_ns']:8.1f} {result['p99_ns']:8.1f}"
        f" {result['max_ns']:8.1f} {'-' if lock is None else lock:>6} {result['bound_over_rms']:7.2f}"
        f" {result['bound_mean_over_rms']:5.2f} {result['bound_violations']:6d} {moved:7.3f}  {holdover}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, help="folder of traces; without it they are made from the seed")
    parser.add_argument("--seed", type=int, default=1, help="seed of the project's own traces (default 1)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--plots", type=Path, help="also draw error, bound and Allan deviation into this folder")
    parser.add_argument("--write", type=Path, help="only write the seed's traces into this folder")
    parser.add_argument("--quick", action="store_true", help="no outages and no false step")
    options = parser.parse_args()
    try:
        traces = read(options.traces) if options.traces else generate(options.seed)
    except TraceError as error:
        print(f"bench-discipline: {error}", file=sys.stderr)
        return 2
    if options.write:
        write(options.write, traces)
        return 0
    print(
        f"{'trace':22s} {'rms':>8} {'mean':>8} {'sd':>8} {'p99':>8} {'max ns':>8} {'lock s':>6}"
        f" {'bnd/rms':>7} {'mean':>5} {'viol.':>6} {'fs us':>7}  holdover us"
    )
    results = {}
    for trace in traces:
        results[trace.name], record = judge(trace, not options.quick)
        print(row(trace.name, results[trace.name]), flush=True)
        if options.plots:
            from discipline_plots import draw

            draw(trace, record, options.plots)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
