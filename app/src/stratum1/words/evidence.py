# SPDX-License-Identifier: MIT
"""What was found by itself, and by what one can see that it is right."""

from __future__ import annotations

from stratum1.tracking.snapshot import Snapshot
from stratum1.words.tongue import _


def found(snapshot: Snapshot) -> str:
    """ "ttyAMA0 38400 u-blox M10, pulse on GPIO18 (pps0), 1.000000 Hz"; empty while nothing was found."""
    parts = []
    if snapshot.receiver_port and snapshot.receiver:
        parts.append(f"{snapshot.receiver_port} {snapshot.receiver}")
    if snapshot.pulse_device and snapshot.last_pulse_ns:
        parts.append(_("pulse on {device}").format(device=snapshot.pulse_device))
    if snapshot.rollovers:
        parts.append(f"its date put right by {1024 * snapshot.rollovers} weeks")
    return ", ".join(parts)
