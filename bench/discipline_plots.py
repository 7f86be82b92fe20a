# SPDX-License-Identifier: MIT
"""Pictures of a run: error and bound over time, Allan deviation of the free and the served clock."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from discipline_traces import HOUR, Trace
from simulated_clock import Record


def allan(phase_s: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """Overlapping Allan deviation of 1 Hz phase data in seconds (NIST SP 1065, equation 11)."""
    taus = [m for m in (1, 2, 4, 10, 20, 40, 100, 200, 400, 1000, 2000, 4000) if len(phase_s) > 3 * m]
    deviations = []
    for m in taus:
        second = phase_s[2 * m :] - 2 * phase_s[m:-m] + phase_s[: -2 * m]
        deviations.append(float(np.sqrt(np.mean(second**2) / 2) / m))
    return taus, deviations


def draw(trace: Trace, record: Record, folder: Path) -> None:
    """folder/NAME.png"""
    folder.mkdir(parents=True, exist_ok=True)
    served, bound = np.array(record.served_ns), np.array(record.bound_ns)
    hours = np.arange(len(served)) / HOUR
    figure, (above, below) = plt.subplots(2, 1, figsize=(10, 9))
    above.fill_between(hours, -bound, bound, color="0.85", label="bound")
    above.plot(hours, served, linewidth=0.4, label="served - true")
    above.set_ylim(-3 * np.median(bound), 3 * np.median(bound))
    above.set(xlabel="hours", ylabel="ns", title=f"{trace.name}: {trace.text}")
    above.legend(loc="upper right")
    free = np.concatenate([[0.0], np.cumsum(trace.freq_1e13 * 1e-13)])
    for label, phase in (("free crystal", free), ("served time", served[HOUR:] * 1e-9)):
        below.loglog(*allan(phase), marker="o", label=label)
    below.set(xlabel="averaging time, s", ylabel="Allan deviation")
    below.grid(visible=True, which="both", alpha=0.3)
    below.legend()
    figure.tight_layout()
    figure.savefig(folder / f"{trace.name}.png", dpi=110)
    plt.close(figure)
