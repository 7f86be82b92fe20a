# SPDX-License-Identifier: MIT
"""The sections of the alarms: when they are told, and over which ways."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stratum1.settings.fields import option


def _host(value: str) -> str | None:
    if not value or re.fullmatch(
        r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", value
    ):
        return None
    return f"{value!r} is no name or address of a server; its port is set apart"


def _mailbox(value: str) -> str | None:
    if not value or re.fullmatch(r"[!#-'*+/-9=?A-Z^-~.-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        return None
    return f"{value!r} is no e-mail address, want one like time@example.org"


def _mailboxes(value: tuple[str, ...]) -> str | None:
    return next(filter(None, map(_mailbox, value)), None)


def _url(value: str) -> str | None:
    if not value:
        return None
    from urllib.parse import urlsplit  # hardly one process ever looks at one

    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"[^!-~]", value):
        return f"{value!r} is no address of a web service, want one like https://example.org/hook"
    if parts.username is not None:
        return "want no user or password in the address"
    return None


def _printable(value: str) -> str | None:
    return None if re.fullmatch("[!-~]*", value) else "want letters, digits and signs of ASCII only"


def _topic(value: str) -> str | None:
    if re.fullmatch(r"[^#+\s/]+(/[^#+\s/]+)*", value) and len(value) <= 200:
        return None
    return f"{value!r} is no topic, want words with / between them, without + and #"


def _topic_or_none(value: str) -> str | None:
    return _topic(value) if value else None


@dataclass(frozen=True, slots=True)
class Alarms:
    least: str = option(
        "warning",
        "What is told: warnings too, or only alarms, for which a person is needed.",
        choices=("warning", "alarm"),
    )
    raise_after_s: int = option(
        30, "A condition is told when it has lasted so long.", minimum=0, maximum=3600, unit="s"
    )
    clear_after_s: int = option(
        120, "It is told to be over when it has been gone for so long.", minimum=0, maximum=86_400, unit="s"
    )
    per_hour: int = option(
        20, "Most messages in an hour over each way; what is left out is counted in the next.", minimum=1, maximum=1000
    )


@dataclass(frozen=True, slots=True)
class Syslog:
    server: str = option("", "Name or address of a syslog server that is sent alarms; empty = none.", check=_host)
    port: int = option(514, "Its port.", minimum=1, maximum=65535)
    transport: str = option("udp", "How it is sent to (RFC 5426, RFC 6587).", choices=("udp", "tcp"))


@dataclass(frozen=True, slots=True)
class Mail:
    server: str = option("", "Name or address of a mail server that takes alarms; empty = none.", check=_host)
    port: int = option(587, "Its port: 587 for submission, 465 with tls from the start, 25.", minimum=1, maximum=65535)
    security: str = option(
        "starttls",
        "How the way to it is encrypted: after a greeting, from the start, or not at all.",
        choices=("starttls", "tls", "none"),
    )
    user: str = option("", "User name at the mail server; empty = it takes mail without.")
    password: str = option("", "Password at the mail server.", secret=True)
    sender: str = option("", "Address that the mail comes from.", check=_mailbox)
    to: tuple[str, ...] = option((), "Addresses that it goes to.", check=_mailboxes)

    def conflicts(self) -> dict[str, str]:
        """What is wrong between keys that are good by themselves: key -> one line."""
        found: dict[str, str] = {}
        if self.server:
            if not self.sender:
                found["sender"] = "want an address, as a mail server is named"
            if not self.to:
                found["to"] = "want at least one address, as a mail server is named"
            if self.user and self.security == "none":
                found["security"] = "a password is not sent unencrypted; want starttls or tls, or no user"
        return found


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str = option("", "Address of a web service that alarms are posted to as JSON; empty = none.", check=_url)
    token: str = option("", "Bearer token that it wants, over https alone.", check=_printable, secret=True)

    def conflicts(self) -> dict[str, str]:
        """What is wrong between keys that are good by themselves: key -> one line."""
        if self.token and self.url and not self.url.startswith("https:"):
            return {"url": "a token is not sent unencrypted; want an address with https, or no token"}
        return {}


@dataclass(frozen=True, slots=True)
class Mqtt:
    server: str = option(
        "", "Name or address of an MQTT broker that is told state and alarms; empty = none.", check=_host
    )
    port: int = option(1883, "Its port: 1883, or 8883 with TLS.", minimum=1, maximum=65535)
    tls: bool = option(False, "Encrypt the way to it.")
    user: str = option("", "User name at the broker; empty = it takes everybody.")
    password: str = option("", "Password at the broker.", secret=True)
    topic: str = option("stratum1", "Topic below which all is published; the box's name comes after it.", check=_topic)
    discovery: str = option(
        "homeassistant",
        "Topic on which Home Assistant looks for new devices; empty = not announced.",
        check=_topic_or_none,
    )
    interval_s: int = option(
        30, "Time between two readings; a change of state is told at once.", minimum=5, maximum=3600, unit="s"
    )


WAYS = {"syslog": "syslog", "mail": "e-mail", "webhook": "the webhook", "mqtt": "MQTT"}
"""Each section that is a way of alarms, as a person calls it."""


def configured(syslog: Syslog, mail: Mail, webhook: Webhook, mqtt: Mqtt) -> list[str]:
    """The ways that have a server to go to."""
    servers = {"syslog": syslog.server, "mail": mail.server, "webhook": webhook.url, "mqtt": mqtt.server}
    return [way for way, server in servers.items() if server]


__all__ = ["WAYS", "Alarms", "Mail", "Mqtt", "Syslog", "Webhook", "configured"]
