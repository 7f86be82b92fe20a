# SPDX-License-Identifier: MIT
"""stratum1: GPS pulses in, the time of the network out."""

__version__ = "0.1.0"
