# SPDX-License-Identifier: MIT
"""Forms: who you are, and every setting of the schema with its help, limits and default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DecimalField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, NumberRange

from stratum1.settings import Settings, SettingsError
from stratum1.web.cable import CABLES, LONGEST_M
from stratum1.words.tongue import N_


class LogIn(FlaskForm):  # type: ignore[misc]
    password = PasswordField("Password")


class LogOut(FlaskForm):  # type: ignore[misc]
    """Nothing but the token."""


class Confirm(FlaskForm):  # type: ignore[misc]
    """Nothing but the token."""


class Mark(FlaskForm):  # type: ignore[misc]
    """Which trial of network settings is meant."""

    mark = HiddenField()


class AntennaDelay(FlaskForm):  # type: ignore[misc]
    cable = SelectField("Cable", choices=[cable.name for cable in CABLES])
    length_m = DecimalField(
        "Length in m", default=0, validators=[InputRequired(N_("want a number")), NumberRange(0, LONGEST_M)]
    )
    other_ns = IntegerField(
        "Other delay in ns", default=0, validators=[InputRequired(N_("want a number")), NumberRange(-100_000, 100_000)]
    )


class Welcome(FlaskForm):  # type: ignore[misc]
    password = PasswordField("Password")
    again = PasswordField("The same once more")
    name = StringField("Name of the box")
    zone = StringField("Time zone of displays")


class NewPassword(FlaskForm):  # type: ignore[misc]
    old = PasswordField("Password until now")
    password = PasswordField("New password")
    again = PasswordField("The same once more")


TITLES = {"ntp": "NTP", "mail": "E-mail", "mqtt": "MQTT"}
SPELLED = {"ipv4": "IPv4", "ipv6": "IPv6", "dns": "DNS", "vlan": "VLAN", "wifi": "Wi-Fi", "ssid": "name", "tls": "TLS"}
SPELLED |= {"url": "URL", "ntp": "NTP", "md5": "MD5", "nts": "NTS", "led": "LED"}


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as the page shows it."""

    path: str
    """ntp.port"""
    field: Field
    help: str
    default: str
    unit: str
    needs: str = ""
    """The field and the value of it without which this one says nothing: network__ipv4=static."""
    forget: Field | None = None
    """For a secret that is set: the switch that takes it away."""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    rows: list[Row]
    locked: str = ""
    """Why nothing of it can be changed here; empty when it can."""


def _items(settings: Settings) -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        for item in dataclasses.fields(values):
            yield section.name, item, getattr(values, item.name)


def _name(section: str, key: str) -> str:
    return f"{section}__{key}"


def _forget(name: str) -> str:
    return f"{name}__forget"


def _label(item: dataclasses.Field[Any]) -> str:
    unit = item.metadata["unit"]
    words = (item.name.removesuffix(f"_{unit}") if unit else item.name).split("_")
    text = " ".join(SPELLED.get(word, word) for word in words)
    return text[0].upper() + text[1:]


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
    if item.metadata["secret"]:
        # It is never sent back, not even when another field was refused.
        return PasswordField(label, render_kw={"placeholder": "stored; empty keeps it"} if value else {})
    mode = {int: "numeric", float: "decimal"}.get(type(item.default), "text")
    return StringField(label, default=as_text(value), render_kw={"inputmode": mode})


def _value(item: dataclasses.Field[Any], given: Any) -> Any:
    """What was typed as the schema wants it; what cannot be turned into that is left for the schema to refuse."""
    if isinstance(item.default, bool):
        return bool(given)
    if item.metadata["secret"]:
        return str(given or "")  # a blank may belong to it
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

    def __init__(self, settings: Settings, locked: Mapping[str, str] | None = None) -> None:
        """`locked` maps a section that cannot be changed here to the reason."""
        self._settings = settings
        self._locked = dict(locked or {})
        fields: dict[str, Any] = {}
        for section, item, value in _items(settings):
            name = _name(section, item.name)
            fields[name] = _field(item, value)
            if item.metadata["secret"] and value:
                fields[_forget(name)] = BooleanField(f"Forget this {_label(item).lower()}")
        self.form = type("SettingsFields", (FlaskForm,), fields)()
        for section, item, _ in _items(settings):
            if section in self._locked:
                field = self.form[_name(section, item.name)]
                field.render_kw = {**(field.render_kw or {}), "disabled": True}

    def sections(self) -> list[Section]:
        found: dict[str, Section] = {}
        for section, item, value in _items(self._settings):
            if section not in found:
                title = TITLES.get(section, section.capitalize())
                found[section] = Section(section, title, [], self._locked.get(section, ""))
            name, rules = _name(section, item.name), item.metadata
            needs = _name(section, rules["needs"]) if rules["needs"] else ""
            forget = self.form[_forget(name)] if rules["secret"] and value and section not in self._locked else None
            found[section].rows.append(
                Row(
                    f"{section}.{item.name}",
                    self.form[name],
                    rules["help"],
                    as_text(item.default),
                    rules["unit"],
                    needs,
                    forget,
                )
            )
        return list(found.values())

    def submitted(self) -> Settings | None:
        """What was sent, if it was and is good; else the errors stand at the fields, and what was typed stays."""
        if not self.form.validate_on_submit():
            return None
        tables: dict[str, dict[str, Any]] = {}
        for section, item, value in _items(self._settings):
            tables.setdefault(section, {})[item.name] = self._given(section, item, value)
        try:
            return Settings.from_tables(tables)
        except SettingsError as error:
            for path, problem in error.problems.items():
                section, _, key = path.partition(".")
                self.form[_name(section, key)].errors = [problem]
            return None

    def _given(self, section: str, item: dataclasses.Field[Any], stored: Any) -> Any:
        name = _name(section, item.name)
        kept = list(stored) if isinstance(stored, tuple) else stored
        if section in self._locked:
            return kept
        given = _value(item, self.form[name].data)
        if not item.metadata["secret"] or given:
            return given
        return "" if stored and self.form[_forget(name)].data else kept

    def wrong(self) -> list[Row]:
        return [row for section in self.sections() for row in section.rows if row.field.errors]
