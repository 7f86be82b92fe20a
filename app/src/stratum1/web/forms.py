# SPDX-License-Identifier: MIT
"""Forms: who you are, and every setting of the schema with its help, limits and default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FileField, PasswordField, SelectField, StringField, TextAreaField

from stratum1.settings import Settings, SettingsError


class LogIn(FlaskForm):  # type: ignore[misc]
    password = PasswordField("Password")


class LogOut(FlaskForm):  # type: ignore[misc]
    """Nothing but the token."""


class Confirm(FlaskForm):  # type: ignore[misc]
    """Nothing but the token."""


class Restore(FlaskForm):  # type: ignore[misc]
    file = FileField("Settings file")


class Welcome(FlaskForm):  # type: ignore[misc]
    password = PasswordField("Password")
    again = PasswordField("The same once more")
    name = StringField("Name of the box")
    zone = StringField("Time zone of displays")


class NewPassword(FlaskForm):  # type: ignore[misc]
    old = PasswordField("Password until now")
    password = PasswordField("New password")
    again = PasswordField("The same once more")


TITLES = {"ntp": "NTP"}


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as the page shows it."""

    path: str
    """ntp.port"""
    field: Field
    help: str
    default: str
    unit: str


def _items(settings: Settings) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        for item in dataclasses.fields(values):
            yield section.name, item, getattr(values, item.name)


def _name(section: str, key: str) -> str:
    return f"{section}__{key}"


def _label(item: dataclasses.Field[Any]) -> str:
    unit = item.metadata["unit"]
    words = item.name.removesuffix(f"_{unit}") if unit else item.name
    text = words.replace("_", " ").capitalize()
    return text.replace("Ipv", "IPv")


def as_text(value: Any) -> str:
    """A setting as a person types it; a list one to a line."""
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _field(item: dataclasses.Field[Any], value: Any) -> Any:
    label = _label(item)
    if isinstance(item.default, bool):
        return BooleanField(label, default=value)
    if item.metadata["choices"]:
        return SelectField(label, choices=list(item.metadata["choices"]), default=value, validate_choice=False)
    if isinstance(item.default, tuple):
        return TextAreaField(label, default=as_text(value))
    mode = {int: "numeric", float: "decimal"}.get(type(item.default), "text")
    return StringField(label, default=as_text(value), render_kw={"inputmode": mode})


def _value(item: dataclasses.Field[Any], given: Any) -> Any:
    """What was typed as the schema wants it; what cannot be turned into that is left for the schema to refuse."""
    if isinstance(item.default, bool):
        return bool(given)
    text = str(given or "").strip()
    if isinstance(item.default, tuple):
        return [part for part in text.replace(",", "\n").split() if part]
    try:
        if isinstance(item.default, int):
            return int(text)
        if isinstance(item.default, float):
            return float(text)
    except ValueError:
        pass
    return text


class SettingsForm:
    """The form of `settings`; made from the schema, so a new setting has its field at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        fields = {_name(section, item.name): _field(item, value) for section, item, value in _items(settings)}
        self.form = type("SettingsFields", (FlaskForm,), fields)()

    def sections(self) -> list[tuple[str, list[Row]]]:
        found: dict[str, list[Row]] = {}
        for section, item, _ in _items(self._settings):
            field = self.form[_name(section, item.name)]
            row = Row(
                f"{section}.{item.name}", field, item.metadata["help"], as_text(item.default), item.metadata["unit"]
            )
            found.setdefault(section, []).append(row)
        return [(TITLES.get(section, section.capitalize()), rows) for section, rows in found.items()]

    def submitted(self) -> Settings | None:
        """What was sent, if it was and is good; else the errors stand at the fields, and what was typed stays."""
        if not self.form.validate_on_submit():
            return None
        tables: dict[str, dict[str, Any]] = {}
        for section, item, _ in _items(self._settings):
            tables.setdefault(section, {})[item.name] = _value(item, self.form[_name(section, item.name)].data)
        try:
            return Settings.from_tables(tables)
        except SettingsError as error:
            for path, problem in error.problems.items():
                section, _, key = path.partition(".")
                self.form[_name(section, key)].errors = [problem]
            return None

    def wrong(self) -> list[Row]:
        return [row for _, rows in self.sections() for row in rows if row.field.errors]
