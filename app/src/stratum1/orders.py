# SPDX-License-Identifier: MIT
"""Orders that a person gives at the panel or on the page, and that concern the whole box."""

from __future__ import annotations

import os

from stratum1.paths import Paths
from stratum1.settings import Settings, save


def give(paths: Paths, order: str) -> None:
    """Hand a word to the supervisor, which may do what its children may not; OSError when it cannot be written."""
    new = paths.order.with_name(f"{paths.order.name}.new.{os.getpid()}")
    new.write_text(f"{order}\n", encoding="ascii")
    os.replace(new, paths.order)


def forget_password(paths: Paths) -> None:
    """Without the file the page asks the next visitor to choose one."""
    paths.web_password.unlink(missing_ok=True)


def factory_reset(paths: Paths) -> None:
    """Everything that an owner has set, made or uploaded goes; what the box learned of its crystal stays.

    OSError when the data partition cannot be written.  A preset on the setup partition counts anew at the next start.
    """
    save(paths.settings, Settings())
    for made in (
        paths.ntp_keys,
        paths.api_tokens,
        paths.tls_certificate,
        paths.web_secret,
        paths.web_trial,
        paths.preset_taken,
        paths.network_kept,
    ):
        made.unlink(missing_ok=True)
    forget_password(paths)
