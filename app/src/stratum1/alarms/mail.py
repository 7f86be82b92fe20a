# SPDX-License-Identifier: MIT
"""A message as e-mail (RFC 5322) handed to a mail server (RFC 6409)."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import make_msgid

from stratum1.alarms.message import Message
from stratum1.alarms.trouble import PATIENCE_S, WayError, why
from stratum1.settings.alarms import Mail


def letter(message: Message, settings: Mail) -> EmailMessage:
    """Without a Date the server adds its own: the box may be the one that does not know the time."""
    found = EmailMessage()
    found["From"] = settings.sender
    found["To"] = ", ".join(settings.to)
    found["Subject"] = " ".join(message.subject.split())
    found["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    found["Auto-Submitted"] = "auto-generated"
    if message.level == "alarm" and message.kind in ("raised", "worse"):
        found["Importance"] = "high"
    found.set_content(message.body)
    return found


def send(message: Message, settings: Mail, trust: ssl.SSLContext | None = None) -> None:
    """WayError unless the server has taken it; `trust` is for a server with a certificate of its own."""
    place = (settings.server, settings.port)
    try:
        trust = trust or ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*place, timeout=PATIENCE_S, context=trust)
        else:
            server = smtplib.SMTP(*place, timeout=PATIENCE_S)
        with server:
            if settings.security == "starttls":
                server.starttls(context=trust)
            if settings.user:
                server.login(settings.user, settings.password)
            refused = server.send_message(letter(message, settings))
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise WayError(f"{settings.server} refused: {error.smtp_code} {' '.join(said.split())}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise WayError(f"{settings.server} refused every address: {_codes(error.recipients)}") from None
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise WayError(why(error, *place)) from None
    if refused:
        raise WayError(f"{settings.server} refused {', '.join(refused)}: {_codes(refused)}")


def _codes(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(sorted({f"{code} {text.decode('utf-8', 'replace')}" for code, text in refused.values()}))
