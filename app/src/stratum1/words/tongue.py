# SPDX-License-Identifier: MIT
"""The language of what people read: gettext's catalogues, and English where there is none.

`make messages` collects every text; a translation lies in stratum1/locale/LANGUAGE/LC_MESSAGES/stratum1.mo and is
chosen by the environment (LANGUAGE, LC_ALL, LC_MESSAGES, LANG), as gettext does everywhere.
"""

from __future__ import annotations

import gettext as catalogues
from pathlib import Path

LOCALE = Path(__file__).resolve().parents[1] / "locale"

_present = catalogues.NullTranslations()


def begin() -> None:
    """Take the catalogue that the environment asks for; to be called once, when a process starts."""
    use(catalogues.translation("stratum1", LOCALE, fallback=True))


def use(translations: catalogues.NullTranslations) -> None:
    """Everything is said by `translations` from now on."""
    global _present
    _present = translations


def gettext(text: str) -> str:
    return _present.gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    return _present.ngettext(one, many, number)


def N_(text: str) -> str:  # noqa: N802  (its name everywhere)
    """Marks a text that is translated where it is shown, because it is made before the language is known."""
    return text


_ = gettext
