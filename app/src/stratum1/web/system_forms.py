# SPDX-License-Identifier: MIT
"""Forms of the System pages."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import FileField, PasswordField, SelectField, StringField, TextAreaField


class Password(FlaskForm):  # type: ignore[misc]
    """For what cannot be undone: who sits at somebody else's open page does not know it."""

    password = PasswordField("Your password")


class Backup(FlaskForm):  # type: ignore[misc]
    passphrase = PasswordField("Passphrase")
    again = PasswordField("The same once more")


class Restore(FlaskForm):  # type: ignore[misc]
    file = FileField("Back-up")
    passphrase = PasswordField("Its passphrase")
    password = PasswordField("Your password")


class OwnCertificate(FlaskForm):  # type: ignore[misc]
    certificate = TextAreaField("Certificate and what vouches for it")
    key = TextAreaField("Key")
    password = PasswordField("Your password")


class NewKey(FlaskForm):  # type: ignore[misc]
    kind = SelectField("Type", validate_choice=False)


class NewToken(FlaskForm):  # type: ignore[misc]
    name = StringField("What it is for")
    scope = SelectField("It may", choices=["read", "write"], validate_choice=False)
    password = PasswordField("Your password")
