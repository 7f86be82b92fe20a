# SPDX-License-Identifier: MIT
"""A message to a syslog server (RFC 5424) over UDP (RFC 5426) or TCP (RFC 6587, octet counting)."""

from __future__ import annotations

import os
import re
import socket

from stratum1.alarms.message import Message
from stratum1.alarms.trouble import PATIENCE_S, WayError, why
from stratum1.settings.alarms import Syslog

FACILITY_NTP = 12
SEVERITIES = {"alarm": 2, "warning": 4}
"""Critical, warning; RFC 5424 table 2."""
NOTICE = 5


def line(message: Message, pid: int) -> bytes:
    """The record of RFC 5424 section 6; its time is the box's own, and NIL while the box knows none."""
    severity = SEVERITIES[message.level] if message.kind in ("raised", "worse") else NOTICE
    host = re.sub("[^!-~]", "-", message.box)[:255] or "-"
    quality = f'[timeQuality tzKnown="1" isSynced="{int(bool(message.time_utc))}"]'
    priority = FACILITY_NTP * 8 + severity
    head = f"<{priority}>1 {message.time_utc or '-'} {host} stratum1 {pid} {message.key[:32]} {quality}"
    text = f"{message.subject} {message.advice}" if message.kind in ("raised", "worse") else message.subject
    if message.left_out:
        text = f"{text.strip()} ({message.left_out} messages left out)"
    return f"{head} ".encode("ascii", "replace") + b"\xef\xbb\xbf" + " ".join(text.split()).encode()


def send(message: Message, settings: Syslog) -> None:
    """WayError when it surely does not arrive; over UDP nobody can tell."""
    record = line(message, os.getpid())
    try:
        if settings.transport == "tcp":
            with socket.create_connection((settings.server, settings.port), PATIENCE_S) as sock:
                sock.sendall(b"%d " % len(record) + record)
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1)  # the server's end, so that a refusal on the way is seen
        else:
            found = socket.getaddrinfo(settings.server, settings.port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as sock:
                sock.settimeout(PATIENCE_S)
                sock.connect(address)
                sock.send(record)
    except (OSError, ValueError) as error:
        raise WayError(why(error, settings.server, settings.port)) from None
