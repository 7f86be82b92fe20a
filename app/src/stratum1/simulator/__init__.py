# SPDX-License-Identifier: MIT
"""A GPS hat in software: its pulses on a socket, its sentences on a pseudo-terminal, faults on request."""
