# SPDX-License-Identifier: MIT
"""A message posted as JSON to a web service."""

from __future__ import annotations

import http.client
import json
import ssl
from urllib.parse import urlsplit

from stratum1.alarms.message import Message
from stratum1.alarms.trouble import PATIENCE_S, WayError, why
from stratum1.settings.alarms import Webhook


def send(message: Message, settings: Webhook, trust: ssl.SSLContext | None = None) -> None:
    """WayError unless the answer is 2xx; nothing is followed elsewhere. `trust`: for a certificate of one's own."""
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    headers = {"Content-Type": "application/json", "User-Agent": "stratum1"}
    if settings.token:
        headers["Authorization"] = f"Bearer {settings.token}"
    connection: http.client.HTTPConnection | None = None
    try:
        if secure:
            trust = trust or ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=trust)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, json.dumps(content(message)).encode(), headers)
        answer = connection.getresponse()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise WayError(why(error, host, port)) from None
    finally:
        if connection is not None:
            connection.close()
    if not 200 <= answer.status < 300:
        raise WayError(f"{host} answered {answer.status} {answer.reason}".rstrip())


def content(message: Message) -> dict[str, object]:
    """`text` is what chat services show; the rest is for programs."""
    return {"text": message.body.rstrip(), **message.as_dict()}
