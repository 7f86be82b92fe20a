# SPDX-License-Identifier: MIT
"""Small files that survive a power cut and that only their owner reads."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace(path: Path, data: bytes) -> None:
    """Write `data` so that after a power cut the file at `path` is either the old or the new one; mode 0600.

    OSError when it cannot be written; the old file then stands.
    """
    # A name of its own for each writer: the page's threads and a command may write at once.
    import tempfile

    fd, new = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            # Whoever writes it, root for one, leaves it to the owner of the folder.
            if os.geteuid() == 0:
                owner = path.parent.stat()
                with contextlib.suppress(OSError):  # a user namespace that has root alone
                    os.fchown(fd, owner.st_uid, owner.st_gid)
            os.fsync(fd)
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
