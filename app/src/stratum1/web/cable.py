# SPDX-License-Identifier: MIT
"""How long a pulse is under way in the antenna's cable."""

from __future__ import annotations

from dataclasses import dataclass

LIGHT_NS_PER_M = 1e9 / 299_792_458
LONGEST_M = 500.0


@dataclass(frozen=True, slots=True)
class Cable:
    name: str
    velocity: float
    """Share of the speed of light, as makers give it."""

    @property
    def ns_per_m(self) -> float:
        return LIGHT_NS_PER_M / self.velocity


CABLES = (
    Cable("RG-174, RG-58, RG-213 (solid polyethylene, 66 %)", 0.66),
    Cable("RG-316, RG-142, RG-400 (solid PTFE, 69.5 %)", 0.695),
    Cable("RG-6, RG-59 satellite cable (foam, 83 %)", 0.83),
    Cable("LMR-195, CFD-195 (foam, 80 %)", 0.80),
    Cable("LMR-200, CFD-200 (foam, 83 %)", 0.83),
    Cable("LMR-240, Aircell 5 (foam, 84 %)", 0.84),
    Cable("LMR-400, CNT-400, H-1000 (foam, 85 %)", 0.85),
)
BY_NAME = {cable.name: cable for cable in CABLES}


def delay_ns(cable: str, length_m: float, other_ns: int) -> int:
    """What `pulse.delay_ns` is to be for `length_m` metres of `cable` and `other_ns` of everything else."""
    return round(BY_NAME[cable].ns_per_m * length_m) + other_ns
