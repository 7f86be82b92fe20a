# SPDX-License-Identifier: MIT
"""State -> what a person reads, once for panel, page, command line and logs."""

from stratum1.words.clock import Moment, Offset, moment, offset
from stratum1.words.reasons import ANTENNA, REASONS, Said
from stratum1.words.status import Status, describe
from stratum1.words.units import format_bound, format_duration, format_ppm, format_seconds
from stratum1.words.upstream import TALLIES, Comparison, compare

__all__ = [
    "ANTENNA",
    "REASONS",
    "TALLIES",
    "Comparison",
    "Moment",
    "Offset",
    "Said",
    "Status",
    "compare",
    "describe",
    "format_bound",
    "format_duration",
    "format_ppm",
    "format_seconds",
    "moment",
    "offset",
]
