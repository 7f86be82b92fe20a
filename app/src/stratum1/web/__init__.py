# SPDX-License-Identifier: MIT
"""The web page: what the panel says, live, on every device of the network; reads, and never disturbs time."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """The web process; returns its exit status."""
    from stratum1.web.server import serve

    return serve(argv)


__all__ = ["main"]
