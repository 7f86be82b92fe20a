# SPDX-License-Identifier: MIT
"""What the libraries import and a server behind waitress never calls, kept out of memory.

Flask and Werkzeug import a command line, a development server and a client for tests, Flask-WTF a riddle of another
host and Babel where that is installed: some 3 MB that this process would hold for its whole life.  Small modules of
the same names take their places; whoever calls into one of them is told so.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class Absent:
    """In the place of what is not there: may be made and given attributes, as Flask does for each of its rooms."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.commands: dict[str, Any] = {}


def absent(*_arguments: Any, **_named: Any) -> Any:
    raise RuntimeError("left out of the server, see stratum1.web.lean")


PLACES: dict[str, dict[str, Any]] = {
    "click": {"secho": absent},
    "flask.cli": {"AppGroup": Absent, "load_dotenv": absent, "show_server_banner": absent},
    "flask_wtf.recaptcha": {"Recaptcha": Absent, "RecaptchaField": Absent, "RecaptchaWidget": Absent},
    "werkzeug.serving": {"is_running_from_reloader": lambda: False, "run_simple": absent},
    "werkzeug.test": {"Client": Absent, "EnvironBuilder": absent, "run_wsgi_app": absent},
}


def begin() -> None:
    """To be called once, before Flask is imported; what is there already stays."""
    for name, content in PLACES.items():
        if name not in sys.modules:
            module = ModuleType(name, "Left out of the server.")
            vars(module).update(content)
            sys.modules[name] = module
    # Flask-WTF does without it where Babel is not installed, and gettext says the words of this page.
    sys.modules.setdefault("flask_wtf.i18n", None)  # type: ignore[arg-type]
