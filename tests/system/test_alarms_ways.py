# SPDX-License-Identifier: MIT
"""Each way of telling alarms against a real server; what goes wrong is said in one line that names the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alarm_servers import Hook, Smtp, Syslog, certificate, free_port, serving, trusting

from stratum1.alarms import mail, syslog, webhook
from stratum1.alarms.book import Event
from stratum1.alarms.message import Message, about
from stratum1.alarms.trouble import WayError
from stratum1.settings.alarms import Mail, Webhook
from stratum1.settings.alarms import Syslog as SyslogSettings
from stratum1.words import Status
from stratum1.words.alarms import Alarm

KNOWN = Status(state="HOLDOVER", time_known=True, date_utc="2026-11-22", time_utc="16:40:00")
LOST = Alarm("time", "warning", "Der Puls ist weg: ±3 µs.", "Check the antenna.")
RAISED = about(Event("raised", LOST, 31.0), KNOWN, "clock")
CLEARED = replace(RAISED, kind="cleared", lasted_s=3700)
UNKNOWN = about(Event("raised", replace(LOST, level="alarm"), 31.0), Status(), "clock")


def refused(way: object, *arguments: object) -> str:
    with pytest.raises(WayError) as caught:
        way(*arguments)  # type: ignore[operator]
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
    return str(caught.value)


# syslog


@pytest.fixture
def log() -> Iterator[Syslog]:
    found = Syslog()
    yield found
    found.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_syslog_takes_the_record(log: Syslog, transport: str) -> None:
    syslog.send(RAISED, SyslogSettings("127.0.0.1", log.port, transport))
    while not log.records:
        pass  # it is on its way within this machine
    assert re.fullmatch(
        rb'<100>1 2026-11-22T16:40:00Z clock stratum1 \d+ time \[timeQuality tzKnown="1" isSynced="1"\] '
        rb"\xef\xbb\xbfclock: Der Puls ist weg: \xc2\xb13 \xc2\xb5s\. Check the antenna\.",
        log.records[0],
    )


@pytest.mark.parametrize(
    ("message", "head"),
    [(UNKNOWN, b"<98>1 - clock "), (CLEARED, b"<101>1 2026-11-22T16:40:00Z clock ")],
    ids=["alarm without time", "over"],
)
def test_syslog_has_the_severity_and_no_time_that_is_not_known(message: Message, head: bytes) -> None:
    record = syslog.line(message, 7)
    assert record.startswith(head) and (b'isSynced="0"' in record) == (b" - clock " in head)


def test_nothing_in_a_text_breaks_a_record() -> None:
    record = syslog.line(replace(RAISED, box="a b\n", headline="x\n<1>1 - forged"), 7)
    assert record.count(b"\n") == 0 and b" a-b- stratum1 7 " in record


def test_syslog_that_is_not_there_is_named() -> None:
    port = free_port()
    assert f"127.0.0.1 port {port}" in refused(syslog.send, RAISED, SyslogSettings("127.0.0.1", port, "tcp"))
    assert "a..b" in refused(syslog.send, RAISED, SyslogSettings("a..b", port, "udp"))


# e-mail


def post(port: int, **keys: object) -> Mail:
    chosen = {"security": "none", "sender": "box@example.org", "to": ("a@example.org", "b@example.org"), **keys}
    return Mail("localhost", port, **chosen)  # type: ignore[arg-type]


def test_mail_is_taken_with_words_for_a_person() -> None:
    server = Smtp()
    mail.send(RAISED, post(server.port))
    server.close()
    (letter,) = server.letters
    assert letter["Subject"] == "clock: Der Puls ist weg: ±3 µs."
    assert (letter["To"], letter["Auto-Submitted"]) == ("a@example.org, b@example.org", "auto-generated")
    text = letter.get_content()
    assert "Check the antenna." in text and "State: HOLDOVER." in text and "Time: 2026-11-22T16:40:00Z." in text


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_and_with_a_password_to_whom_it_trusts_alone(tmp_path: Path, security: str) -> None:
    own = certificate(tmp_path)
    server = Smtp(serving(own), at_once=security == "tls", user="me", password="hush")
    wanted = post(server.port, security=security, user="me", password="hush")
    mail.send(RAISED, wanted, trusting(own))
    assert len(server.letters) == 1
    assert "self-signed certificate" in refused(mail.send, RAISED, wanted)
    wrong = replace(wanted, password="hash")
    said = refused(mail.send, RAISED, wrong, trusting(own))
    assert "535 wrong user or password" in said and "hash" not in said
    assert len(server.letters) == 1
    server.close()


def test_mail_without_encryption_is_not_sent_when_encryption_is_wanted() -> None:
    server = Smtp()
    assert "STARTTLS" in refused(mail.send, RAISED, post(server.port, security="starttls"))
    server.refuse = "550 nobody of that name"
    assert "550 nobody of that name" in refused(mail.send, RAISED, post(server.port))
    server.close()
    assert server.letters == []
    assert "localhost port" in refused(mail.send, RAISED, post(free_port()))


# webhook


def test_a_webhook_gets_json_for_programs_and_a_text_for_people() -> None:
    server = Hook()
    webhook.send(CLEARED, Webhook(f"http://localhost:{server.port}/hook?room=1"))
    server.close()
    ((path, headers, content),) = server.posts
    assert path == "/hook?room=1" and headers["Content-Type"] == "application/json" and "Authorization" not in headers
    assert content["kind"] == "cleared" and content["key"] == "time" and content["time_utc"] == "2026-11-22T16:40:00Z"
    assert "It lasted 61 min." in content["text"]


def test_a_token_goes_encrypted_to_whom_it_trusts_alone(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    server = Hook(serving(own))
    wanted = Webhook(f"https://localhost:{server.port}/", "hush")
    webhook.send(RAISED, wanted, trusting(own))
    assert server.posts[0][1]["Authorization"] == "Bearer hush"
    assert "self-signed certificate" in refused(webhook.send, RAISED, wanted)
    server.answer = 403
    assert "localhost answered 403" in refused(webhook.send, RAISED, wanted, trusting(own))
    server.close()
    assert "localhost port" in refused(webhook.send, RAISED, wanted, trusting(own))
