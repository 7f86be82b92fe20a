# SPDX-License-Identifier: MIT
"""`stratum1 settings`: show, get, set and check what can be set."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stratum1.paths import Paths
from stratum1.settings.fields import SettingsError
from stratum1.settings.schema import Settings
from stratum1.settings.store import load, read, save

FAILED = 2


def main(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    path = Paths.from_environment().settings
    try:
        if options.what == "check":
            return _check(options.file or path)
        loaded = load(path)
        if loaded.problem:
            print(f"stratum1 settings: {loaded.problem}", file=sys.stderr)
        if options.what == "set":
            save(path, loaded.settings.changed(options.key, _value(loaded.settings, options.key, options.value)))
        elif options.what == "get":
            print(_get(loaded.settings, options.key))
        else:
            _show(loaded.settings)
    except SettingsError as error:
        for key, problem in error.problems.items():
            print(f"stratum1 settings: {key}: {problem}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        raise  # whoever read our output went away; the command line knows what to do
    except OSError as error:
        print(f"stratum1 settings: {error.filename or path}: {error.strerror}", file=sys.stderr)
        return FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stratum1 settings",
        description="Show or change settings; running processes take a change over by themselves.",
    )
    verbs = parser.add_subparsers(dest="what", metavar="show|get|set|check")
    verbs.add_parser("show", help="all settings and what they do (the default)")
    get = verbs.add_parser("get", help="the value of one key")
    get.add_argument("key", help="as in ntp.port")
    change = verbs.add_parser("set", help="change one key")
    change.add_argument("key", help="as in ntp.port")
    change.add_argument("value", help="as in 123, true, text, or a list: local,10.0.0.0/8")
    check = verbs.add_parser("check", help="whether a settings file is good")
    check.add_argument("file", nargs="?", type=Path, help="the file in force unless another is named")
    return parser


def _keys(settings: Settings) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        for field in dataclasses.fields(values):
            yield f"{section.name}.{field.name}", field, getattr(values, field.name)


def _find(settings: Settings, key: str) -> tuple[dataclasses.Field[Any], Any]:
    for path, field, value in _keys(settings):
        if path == key:
            return field, value
    raise SettingsError({key: "unknown key; `stratum1 settings show` lists them"})


def _value(settings: Settings, key: str, text: str) -> Any:
    """`text` as the type of `key` wants it: TOML where that is what it is, else plain text."""
    _, current = _find(settings, key)
    if isinstance(current, str):
        return text
    if isinstance(current, tuple) and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # to be refused with the words of the key


def _get(settings: Settings, key: str) -> str:
    field, value = _find(settings, key)
    return _shown(field, value)


def _shown(field: dataclasses.Field[Any], value: Any) -> str:
    """A secret is never shown, only that there is one."""
    return "(set, not shown)" if field.metadata["secret"] and value else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _show(settings: Settings) -> None:
    for path, field, value in _keys(settings):
        mark = "" if value == field.default else f"   (default {_text(field.default)})"
        unit = f" {field.metadata['unit']}" if field.metadata["unit"] else ""
        print(f"{path} = {_shown(field, value)}{unit}{mark}")
        print(f"    {field.metadata['help']}")


def _check(path: Path) -> int:
    try:
        read(path)
    except FileNotFoundError:
        print(f"{path}: not there; every setting has its default")
        return 0
    print(f"{path}: good")
    return 0
