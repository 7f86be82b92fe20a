# SPDX-License-Identifier: MIT
"""Other time servers, asked to see whether ours agrees with them: a check, never a source (docs/upstream.md)."""

from __future__ import annotations

from stratum1.upstream.status import Server, Tally, Upstream, Verdict, read, write

__all__ = ["Server", "Tally", "Upstream", "Verdict", "read", "write"]
