# SPDX-License-Identifier: MIT
"""Pulses with stamps of the kernel clock, whatever they come from."""

from stratum1.pps.devices import device_name, devices, open_source
from stratum1.pps.pulse import Edge, Pulse, PulseError, PulseSource, new_edges

__all__ = ["Edge", "Pulse", "PulseError", "PulseSource", "device_name", "devices", "new_edges", "open_source"]
