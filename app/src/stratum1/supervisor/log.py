# SPDX-License-Identifier: MIT
"""What the processes say, kept in the run folder for who looks at the page: bounded, gone with the power.

The appliance's own syslog has it too, and keeps it longer; on a PC this is the one place for it.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

LARGEST = 131_072
"""Bytes of the newest part; the part before it is as long."""


class Log:
    """Lines of `UTC-of-the-kernel text`; a full disk loses lines and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> None:
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n".encode("utf-8", "replace")
        with contextlib.suppress(OSError):
            # Never through a link: the run folder may belong to a user with fewer rights than ours.
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                if os.fstat(fd).st_size + len(line) > LARGEST:
                    os.replace(self._path, self._path.with_name(f"{self._path.name}.1"))
                    os.close(fd)
                    fd = -1
                    fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
                os.write(fd, line)
            finally:
                if fd >= 0:
                    os.close(fd)
