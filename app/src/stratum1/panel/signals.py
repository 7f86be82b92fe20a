# SPDX-License-Identifier: MIT
"""The signals that the panel's loop takes in its sleep, and nobody else."""

from __future__ import annotations

import signal

SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
