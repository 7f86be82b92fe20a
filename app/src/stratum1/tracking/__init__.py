# SPDX-License-Identifier: MIT
"""The one snapshot that everybody reads: written by the timekeeper, read by all others."""

from stratum1.tracking.page import TrackingReader, TrackingWriter
from stratum1.tracking.snapshot import (
    Antenna,
    Jamming,
    Leap,
    Reason,
    Snapshot,
    Spoofing,
    SpoofingEvidence,
    State,
    Survey,
)

__all__ = [
    "Antenna",
    "Jamming",
    "Leap",
    "Reason",
    "Snapshot",
    "Spoofing",
    "SpoofingEvidence",
    "State",
    "Survey",
    "TrackingReader",
    "TrackingWriter",
]
