# SPDX-License-Identifier: MIT
"""The ways that a message may take; each is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable

from stratum1.alarms.message import Message
from stratum1.settings import Settings

PATIENCE_S = 15.0
"""What a server may take for one step."""


class WayError(Exception):
    """One line: what went wrong, and where."""


Send = Callable[[Message], None]
"""Raises WayError."""


def sender(way: str, settings: Settings) -> Send:
    """What sends over `way`; for mqtt only a test, as its alarms are a state and no message."""
    if way == "syslog":
        from stratum1.alarms import syslog

        return lambda message: syslog.send(message, settings.syslog)
    if way == "mail":
        from stratum1.alarms import mail

        return lambda message: mail.send(message, settings.mail)
    if way == "webhook":
        from stratum1.alarms import webhook

        return lambda message: webhook.send(message, settings.webhook)
    from stratum1.alarms import mqtt

    return lambda message: mqtt.send_test(message, settings.mqtt)


def why(error: BaseException, server: str, port: int) -> str:
    """An error of a socket or of TLS as one line."""
    text = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        text = "does not answer"
    return f"{server} port {port}: {' '.join(str(text).split())}"
