# SPDX-License-Identifier: MIT
"""Reading and writing the settings file, so that no power cut and no typing error loses it.

A good file is copied to NAME.good whenever it was read or written; when the file itself is damaged or
bad, the copy serves and the problem is told.  A missing file means the defaults.
"""

from __future__ import annotations

import contextlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from stratum1 import safefile
from stratum1.settings.fields import SettingsError
from stratum1.settings.migrate import CURRENT, migrate
from stratum1.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Loaded:
    settings: Settings
    problem: str = ""
    """One line when the file could not be used as it is; empty when all is well."""


def good_copy(path: Path) -> Path:
    return path.with_name(path.name + ".good")


def parse(data: bytes, name: str) -> Settings:
    """The settings in the text of a file called `name`; SettingsError when it is bad."""
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError({name: f"not valid TOML: {error}"}) from None
    return Settings.from_tables(migrate(tables))


def text(settings: Settings) -> str:
    """`settings` as the file holds them: only what differs from the defaults."""
    import tomli_w  # here, as every process reads settings and hardly one writes them

    return tomli_w.dumps({"version": CURRENT, **settings.tables()})


def read(path: Path) -> Settings:
    """The settings in the file at `path`; SettingsError when it is bad, OSError when it cannot be read."""
    return parse(path.read_bytes(), str(path))


def load(path: Path) -> Loaded:
    """Settings to run with, whatever state the file is in; never raises for a bad file."""
    try:
        settings = read(path)
    except FileNotFoundError:
        return Loaded(Settings())
    except (SettingsError, OSError) as error:
        try:
            return Loaded(read(good_copy(path)), f"{path}: {error}; the last good settings are used")
        except (SettingsError, OSError):
            return Loaded(Settings(), f"{path}: {error}; the defaults are used")
    if not _same(path, good_copy(path)):
        with contextlib.suppress(OSError):  # a read-only data partition still serves its settings
            safefile.replace(good_copy(path), path.read_bytes())
    return Loaded(settings)


def save(path: Path, settings: Settings) -> None:
    """Write `settings` so that after a power cut the file is either the old or the new one."""
    data = text(settings).encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    safefile.replace(path, data)
    safefile.replace(good_copy(path), data)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False
