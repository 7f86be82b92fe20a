# SPDX-License-Identifier: MIT
"""Pulses and messages in, an estimate of the clock's error out.

Pure: no file, no socket, no clock is touched; every instant comes in as an argument, so
a simulated day takes seconds and the process around it decides what a clock is.
"""

from stratum1.discipline.discipline import Discipline
from stratum1.discipline.types import Config, Estimate, Order, StoredDrift

__all__ = ["Config", "Discipline", "Estimate", "Order", "StoredDrift"]
