# SPDX-License-Identifier: MIT
"""Settings files of older versions, brought up to date one number at a time.

A file carries `version = N` at its top.  To change the form: raise CURRENT and add the function
that turns version N-1 into N to STEPS; never edit an old step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stratum1.settings.fields import SettingsError

CURRENT = 1

STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""STEPS[n] turns the tables of version n into those of version n + 1."""


def migrate(tables: dict[str, Any]) -> dict[str, Any]:
    """`tables` of any known version as tables of the current one, without the version key."""
    tables = dict(tables)
    version = tables.pop("version", CURRENT)
    if type(version) is not int or not 1 <= version <= CURRENT:
        raise SettingsError({"version": f"{version!r} is unknown, want a whole number from 1 to {CURRENT}"})
    while version < CURRENT:
        tables = STEPS[version](tables)
        version += 1
    return tables
