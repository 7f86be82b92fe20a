# SPDX-License-Identifier: MIT
"""The clock filter (RFC 5905 section 10): of the last eight measurements the one with the shortest way counts most."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from stratum1.upstream.packet import Answer

PHI = 15e-6
"""How fast two clocks may drift apart (s/s)."""
STAGES = 8
LEAST_DELAY_NS = 1_000_000
"""A way that seems shorter is counted as this long: stamps made by programs are no better."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement, in ns."""

    offset_ns: int
    """Server minus us."""
    delay_ns: int
    dispersion_ns: int
    """What reading the clocks and their drift during the exchange may have added."""
    root_delay_ns: int
    root_dispersion_ns: int
    monotonic_ns: int

    def distance_ns(self, monotonic_ns: int) -> int:
        """Between here and the server's own reference nothing can have added more than this (section 11.2)."""
        age = max(0, monotonic_ns - self.monotonic_ns)
        way = max(LEAST_DELAY_NS, self.delay_ns + self.root_delay_ns)
        return way // 2 + self.root_dispersion_ns + self.dispersion_ns + round(PHI * age)


def measure(answer: Answer, sent_ns: int, received_ns: int, precision: int, monotonic_ns: int) -> Sample:
    """`sent_ns` and `received_ns` are what we served when question and answer passed (section 8)."""
    there, back = answer.receive_ns - sent_ns, answer.transmit_ns - received_ns
    exchange = received_ns - sent_ns
    reading = 2.0**answer.precision + 2.0**precision
    return Sample(
        offset_ns=(there + back) // 2,
        delay_ns=max(0, exchange - (answer.transmit_ns - answer.receive_ns)),
        dispersion_ns=round(reading * 1e9 + PHI * max(0, exchange)),
        root_delay_ns=answer.root_delay_ns,
        root_dispersion_ns=answer.root_dispersion_ns,
        monotonic_ns=monotonic_ns,
    )


class ClockFilter:
    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=STAGES)

    def add(self, sample: Sample) -> None:
        self._samples.append(sample)

    def clear(self) -> None:
        self._samples.clear()

    def best(self, monotonic_ns: int) -> Sample | None:
        """The most certain one; older ones have lost certainty."""
        return min(self._samples, key=lambda sample: sample.distance_ns(monotonic_ns), default=None)

    def jitter_ns(self, best: Sample) -> int:
        """RMS of what the others differ from the best; 0 with fewer than two."""
        others = [sample.offset_ns - best.offset_ns for sample in self._samples if sample is not best]
        return round(math.sqrt(sum(x * x for x in others) / len(others))) if others else 0
