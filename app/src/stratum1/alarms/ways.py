# SPDX-License-Identifier: MIT
"""The ways that a message may take; each is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable

from stratum1.alarms.message import Message
from stratum1.settings import Settings

Send = Callable[[Message], None]
"""Raises WayError (trouble.py)."""


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
