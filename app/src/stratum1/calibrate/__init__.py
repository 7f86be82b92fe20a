# SPDX-License-Identifier: MIT
"""`stratum1 calibrate`: how late does this machine stamp a pulse?"""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """See command.py."""
    from stratum1.calibrate.command import main as run

    return run(argv)
