# SPDX-License-Identifier: MIT
"""A visitor without a browser: forms are sent with their token, as a browser sends them."""

from __future__ import annotations

import html
import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "green teapot rides"


def token(page: str) -> str:
    """Of the first form on the page; all forms of one visitor take the same."""
    match = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page)
    assert match, page[:2000]
    return match[1]


def welcome(client: FlaskClient) -> FlaskClient:
    """The first visit, which chooses PASSWORD; from then on the client is logged in."""
    form = {"password": PASSWORD, "again": PASSWORD, "name": "stratum1", "zone": "UTC"}
    assert client.post("/welcome", data={"csrf_token": token(client.get("/welcome").text), **form}).status_code == 302
    return client


def send(client: FlaskClient, page: str, /, to: str = "", **fields: Any) -> TestResponse:
    """Send a form of `page` to `to`, or to the page itself."""
    data = {"csrf_token": token(client.get(page).text), **fields}
    return client.post(to or page, data=data, content_type="multipart/form-data")


def said(answer: TestResponse) -> str:
    return html.unescape(answer.text)
