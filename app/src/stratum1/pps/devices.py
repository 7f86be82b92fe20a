# SPDX-License-Identifier: MIT
"""Which sources of pulses there are, and what stands behind a path."""

from __future__ import annotations

import errno
import os
import re

from stratum1.pps.kernel import KernelPulses
from stratum1.pps.pulse import PulseError, PulseSource, why

# The overlay pps-gpio names its node by the line's number in hex, and the kernel the device by the node.
_LINE = re.compile(r"pps@([0-9a-f]{1,2})(?:\.|$)")


def open_source(path: str | os.PathLike[str]) -> PulseSource:
    """The source at `path`: a PPS device, a PTP clock with a capture input, or a Unix socket; PulseError.

    The device itself tells which it is (a socket by ENXIO, a PTP clock by not knowing the calls of a
    PPS device), so that nothing is asked of the path that a stand-in for the device might not answer.
    """
    try:
        try:
            return KernelPulses(path)
        except OSError as error:
            if error.errno == errno.ENXIO:
                from stratum1.pps.simulated import SocketPulses

                return SocketPulses(path)
            if error.errno == errno.ENOTTY:
                from stratum1.pps.capture import ClockPulses

                return ClockPulses(path)
            raise
    except OSError as error:
        raise PulseError(f"{os.fspath(path)}: {why(error.errno or 0)}") from None


def device_name(sys: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """A PPS device as a person would know it, from its sysfs entry below `sys`: "GPIO18 (pps1)", "pps0 (ktimer)"."""
    node = os.path.basename(os.fspath(path))
    try:
        with open(os.path.join(sys, "class", "pps", node, "name"), encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        name = ""
    if line := _LINE.match(name):
        return f"GPIO{int(line[1], 16)} ({node})"
    return f"{node} ({name})" if name else node


def devices(dev: str | os.PathLike[str]) -> list[str]:
    """Every PPS device below `dev`, in the order of its number."""
    try:
        names = [name for name in os.listdir(dev) if name[:3] == "pps" and name[3:].isdigit()]
    except OSError:
        return []
    return [os.path.join(dev, name) for name in sorted(names, key=lambda name: int(name[3:]))]
