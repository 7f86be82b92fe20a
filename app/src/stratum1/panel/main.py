# SPDX-License-Identifier: MIT
"""The panel process: takes its signals in hand before anything else.

luma starts threads as soon as it is imported; a signal that one of them may take would end the process with the
panel still lit, or tear a transfer on the bus.  So they are blocked first, and the loop's sleep alone takes them.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from stratum1.panel.signals import SIGNALS


def main(argv: Sequence[str] = (), screen: bool = False) -> int:
    """`stratum1 panel`, or with `screen` `stratum1 wall`: runs until SIGTERM; SIGHUP reads the settings anew."""
    verb = "wall" if screen else "panel"
    if list(argv) in (["-h"], ["--help"]):
        print(f"usage: stratum1 {verb}\n\nRuns until SIGTERM; the section [panel] of the settings says what it shows.")
        return 0
    if argv:
        print(f"stratum1 {verb}: takes no arguments; what it shows is set in the settings", file=sys.stderr)
        return 2
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    from stratum1.panel.process import run
    from stratum1.paths import Paths

    return run(Paths.from_environment(), screen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
