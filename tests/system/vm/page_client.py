# SPDX-License-Identifier: MIT
"""A person at the settings page, without a browser: chooses the password, fills a field in, sends the form."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar

PASSWORD = "correct horse battery staple"


class Form(HTMLParser):
    """The fields of a page's forms with the values that a browser would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "input" and name:
            if found.get("type") not in ("checkbox", "radio", "submit") or "checked" in found:
                self.fields[name] = found.get("value") or ""
        elif tag in ("textarea", "select") and name:
            self._open = name
            self.fields[name] = ""
        elif tag == "option" and self._open and ("selected" in found or not self.fields[self._open]):
            self.fields[self._open] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            self.fields[self._open] += data


class Person:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def _send(self, path: str, changes: dict[str, str]) -> str:
        with self._browser.open(self._base + path, timeout=30) as page:
            fields = Form(page.read().decode()).fields
        unknown = set(changes) - set(fields)
        assert not unknown, f"{path} has no field {', '.join(unknown)}"
        body = urllib.parse.urlencode({**fields, **changes}).encode()
        try:
            with self._browser.open(self._base + path, body, timeout=60) as page:
                return str(page.url)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} refused the form: {error.code}") from None

    def first_visit(self) -> None:
        """Choose the first password; the page goes on to the settings."""
        after = self._send("/welcome", {"password": PASSWORD, "again": PASSWORD})
        assert after.endswith("/settings"), after

    def change(self, section: str, key: str, value: str) -> None:
        self._send("/settings", {f"{section}__{key}": value})
