# SPDX-License-Identifier: MIT
"""The wall clock process: the panel's loop with a whole screen for its glass."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from stratum1.panel import main as panel


def main(argv: Sequence[str] = ()) -> int:
    """`stratum1 wall`: runs until SIGTERM; SIGHUP reads the settings anew."""
    return panel.main(argv, screen=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
