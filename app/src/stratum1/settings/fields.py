# SPDX-License-Identifier: MIT
"""One setting: its type, default, limits and what it does, and the check of a value against them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


class SettingsError(Exception):
    """One or more bad settings; `problems` maps a key's path ("ntp.port") to one line each."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {problem}" for path, problem in problems.items()))
        self.problems = problems


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    check: Callable[[Any], str | None] | None = None,
    secret: bool = False,
    needs: str = "",
) -> Any:
    """A field of a settings section; `check` gives one line on what is wrong, or None.

    A `secret` is a text that leaves the box in an encrypted back-up alone.  `needs` ("ipv4=static") names what another
    key of the section must be for this one to matter.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "unit": unit,
        "check": check,
        "secret": secret,
        "needs": needs,
    }
    return dataclasses.field(default=default, metadata=metadata)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of texts"}


def parse(field: dataclasses.Field[Any], value: Any) -> Any:
    """`value` as TOML or JSON gave it, as the field holds it; ValueError says what is wrong and what is wanted."""
    kind: Any = type(field.default)
    given = value
    if kind is tuple and isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise ValueError("want a list of texts")
        value = tuple(value)
    elif kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{given!r} is not {_WORDS[kind]}")
    rules = field.metadata
    unit = f" {rules['unit']}" if rules["unit"] else ""
    if kind is float and value != value:
        raise ValueError("nan is not a number that can be used")
    if rules["minimum"] is not None and value < rules["minimum"]:
        raise ValueError(f"{value} is too small, want at least {rules['minimum']:g}{unit}")
    if rules["maximum"] is not None and value > rules["maximum"]:
        raise ValueError(f"{value} is too large, want at most {rules['maximum']:g}{unit}")
    if rules["choices"] and value not in rules["choices"]:
        raise ValueError(f"{value!r} is unknown, want one of {', '.join(rules['choices'])}")
    if kind is str and any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("control characters are not allowed")
    if rules["check"] is not None:
        problem = rules["check"](value)
        if problem:
            raise ValueError(problem)
    return value
