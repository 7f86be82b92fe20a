# SPDX-License-Identifier: MIT
"""Typed settings with defaults that need no file."""

from stratum1.settings.fields import SettingsError
from stratum1.settings.schema import Settings
from stratum1.settings.store import Loaded, load, parse, save, text

__all__ = ["Loaded", "Settings", "SettingsError", "load", "parse", "save", "text"]
