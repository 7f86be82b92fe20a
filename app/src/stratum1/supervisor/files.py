# SPDX-License-Identifier: MIT
"""Small files in the run folder that others read while we write."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path`, so that a reader sees the old or the new content; a full disk leaves the old."""
    with contextlib.suppress(OSError):
        # Never a name that can be guessed: the run folder may belong to a user with fewer rights than ours.
        fd, new = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(content, file)
                os.fchmod(fd, 0o644)
            os.replace(new, path)
        except OSError:
            os.unlink(new)
