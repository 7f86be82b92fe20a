# SPDX-License-Identifier: MIT
"""What goes wrong on a way, whichever it is, told in one line."""

from __future__ import annotations

PATIENCE_S = 15.0
"""What a server may take for one step."""


class WayError(Exception):
    """One line: what went wrong, and where."""


def why(error: BaseException, server: str, port: int) -> str:
    """An error of a socket or of TLS as one line."""
    text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        text = "does not answer"
    return f"{server} port {port}: {' '.join(str(text).split())}"
