# SPDX-License-Identifier: MIT
"""The GPS receiver as gpsd shows it: labelled epochs, satellites, name, and whether UTC may be trusted."""
