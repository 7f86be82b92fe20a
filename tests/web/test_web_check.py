# SPDX-License-Identifier: MIT
"""The box asks itself as a client would, and says what is so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from ipaddress import ip_address

import pytest

from stratum1.network import Address
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web.app import create_app
from stratum1.web.box import Box
from stratum1.web.check import Answer, ask, targets, words

Answering = Callable[[Callable[[bytes], list[bytes]]], int]


def good(request: bytes, leap: int = 0) -> bytes:
    """A server's answer: mode 4, stratum 1, the request's transmit stamp as origin."""
    return bytes([leap << 6 | 4 << 3 | 4, 0 if leap == 3 else 1]) + bytes(22) + request[40:48] + bytes(16)


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Starts a server that sends what it is told for each request; gives its port."""
    servers: list[socket.socket] = []

    def start(answer: Callable[[bytes], list[bytes]]) -> int:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        servers.append(server)

        def run() -> None:
            with suppress(OSError):
                request, client = server.recvfrom(1024)
                assert len(request) == 48 and request[0] == 0x23
                for packet in answer(request):
                    server.sendto(packet, client)

        threading.Thread(target=run, daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.close()


def test_an_answer_to_our_own_question_counts(answering: Answering) -> None:
    port = answering(lambda request: [good(request)])
    assert ask(4, "127.0.0.1", port) == Answer("IPv4", True, "", 0, 1, "127.0.0.1")


@pytest.mark.parametrize(
    "forged",
    [
        lambda request: [good(request)[:40]],
        lambda request: [good(bytes(48))],
        lambda request: [request],
        lambda request: [],
    ],
    ids=["short", "foreign origin", "echo", "silence"],
)
def test_nothing_else_does(answering: Answering, forged: Callable[[bytes], list[bytes]]) -> None:
    port = answering(forged)
    found = ask(4, "127.0.0.1", port)
    assert not found.answered and found.problem == "no answer"


def test_rubbish_before_the_answer_does_no_harm(answering: Answering) -> None:
    port = answering(lambda request: [b"x", good(bytes(48)), good(request, leap=3)])
    assert ask(4, "127.0.0.1", port) == Answer("IPv4", True, "", 3, 0, "127.0.0.1")


def test_nobody_there_is_told_at_once() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert "nothing listens" in ask(4, "127.0.0.1", port).problem


def test_the_words() -> None:
    yes, no = Answer("IPv4", True, "", 0, 1), Answer("IPv6", False, "no answer", address="::1")
    assert words([yes, Answer("IPv6", True, "", 0, 1)]) == "answers on IPv4 and IPv6"
    assert words([yes, no]) == "answers on IPv4; IPv6 at ::1: no answer"
    assert "switched off" in words([])
    assert words([Answer("IPv4", True, "", 3, 0)]) == "answers on IPv4; says that its time is not to be used"


def test_only_families_that_are_served_are_asked_and_not_without_end(paths: Paths, answering: Answering) -> None:
    port = answering(lambda request: [good(request)])
    settings = Settings().changed("ntp.port", port).changed("ntp.ipv6", False)
    app = create_app(paths, settings)
    app.extensions["box"].addresses = lambda: ()
    client = app.test_client()
    first = client.get("/api/v1/check").get_json()
    assert first["words"] == "answers on IPv4" and len(first["answers"]) == 1
    # The server above answers once: a second question would get none.
    assert client.get("/api/v1/check").get_json() == first


def test_the_address_that_others_use_is_asked_too(paths: Paths) -> None:
    """With the rules for who is answered, it may be refused where the loopback is not."""
    box = Box(paths, Settings())
    box.addresses = lambda: tuple(
        Address("eth0", ip_address(text)) for text in ("192.0.2.7", "192.0.2.8", "2001:db8::7", "fe80::7")
    )
    assert targets(box) == [(4, "127.0.0.1"), (4, "192.0.2.7"), (6, "::1"), (6, "2001:db8::7")]
    box.settings = Settings().changed("ntp.ipv4", False)
    assert targets(box) == [(6, "::1"), (6, "2001:db8::7")]
