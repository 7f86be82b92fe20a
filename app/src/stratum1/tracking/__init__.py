# SPDX-License-Identifier: MIT
"""The one snapshot that everybody reads: written by the timekeeper, read by all others."""

from stratum1.tracking.page import TrackingReader, TrackingWriter
from stratum1.tracking.snapshot import Antenna, Leap, Reason, Snapshot, State

__all__ = ["Antenna", "Leap", "Reason", "Snapshot", "State", "TrackingReader", "TrackingWriter"]
