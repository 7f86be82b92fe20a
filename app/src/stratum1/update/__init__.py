# SPDX-License-Identifier: MIT
"""A new system from a signed bundle: checked, written to the slot that is not running, tried, kept or given up.

`bundle.check` says whether a file can be trusted, `slots.look` which slot runs, `progress.read_progress` how far an
update is; these are for everybody. Who may not write a disk (the page) puts the bundle at `paths.update_bundle` and
gives the supervisor the order `update`, or `rollback`. The supervisor runs `stratum1 update install` as root and,
after a healthy start of the new system, lets `slots.Slots.confirm` keep it.
"""

from __future__ import annotations


class UpdateError(Exception):
    """Why it is not done, in one line."""


__all__ = ["UpdateError"]
