# SPDX-License-Identifier: MIT
"""The process that turns pulses and messages into time."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """`stratum1 timekeeper`; see process.py."""
    from stratum1.timekeeper.process import main as run

    return run(argv)
