# SPDX-License-Identifier: MIT
"""The web page: what the panel says, live, on every device of the network; reads, and never disturbs time."""

from __future__ import annotations

import signal


def main(argv: list[str]) -> int:
    """The web process; returns its exit status."""
    # The settings are read after the libraries; until then a word that they changed says nothing new.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from stratum1.web import lean

    lean.begin()
    from stratum1.web.server import serve

    return serve(argv)


__all__ = ["main"]
