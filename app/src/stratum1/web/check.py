# SPDX-License-Identifier: MIT
"""The box asks itself for the time, by NTP and over the loopback address of each family."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify

from stratum1.web.box import Box

PATIENCE_S = 0.5
KEPT_S = 5.0
"""So long an answer is told again, that nobody makes the box ask itself without end."""

_FAMILIES = (("IPv4", socket.AF_INET, "127.0.0.1"), ("IPv6", socket.AF_INET6, "::1"))


@dataclass(frozen=True, slots=True)
class Answer:
    family: str
    answered: bool
    problem: str
    """Why not, as one line; empty when it was answered."""
    leap: int = 3
    stratum: int = 0


def ask(name: str, family: int, host: str, port: int) -> Answer:
    """One NTPv4 client request (RFC 5905 section 7.3) with a random transmit stamp, which the answer must repeat."""
    stamp = secrets.token_bytes(8)
    deadline = time.monotonic() + PATIENCE_S
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.connect((host, port))
            client.send(b"\x23" + bytes(39) + stamp)
            while (left := deadline - time.monotonic()) > 0:
                client.settimeout(left)
                packet = client.recv(1024)
                if len(packet) >= 48 and packet[24:32] == stamp and packet[0] & 7 == 4:
                    return Answer(name, True, "", packet[0] >> 6, packet[1])
    except TimeoutError:
        pass
    except ConnectionRefusedError:
        return Answer(name, False, f"nothing listens on UDP port {port}")
    except OSError as error:
        return Answer(name, False, error.strerror or str(error))
    return Answer(name, False, "no answer")


def words(answers: list[Answer]) -> str:
    """One line for people."""
    good = [each.family for each in answers if each.answered]
    bad = [f"{each.family}: {each.problem}" for each in answers if not each.answered]
    parts = [f"answers on {' and '.join(good)}"] if good else []
    if good and any(each.leap == 3 for each in answers if each.answered):
        parts.append("says that its time is not to be used")
    return "; ".join(parts + bad) or "both IPv4 and IPv6 are switched off in the settings"


def room(box: Box) -> Blueprint:
    rooms = Blueprint("check", __name__)
    lock = threading.Lock()
    kept: list[Answer] = []
    at = -KEPT_S

    def answers() -> list[Answer]:
        nonlocal kept, at
        with lock:
            if time.monotonic() - at >= KEPT_S:
                wanted = {"IPv4": box.settings.ntp.ipv4, "IPv6": box.settings.ntp.ipv6}
                kept = [ask(*family, box.settings.ntp.port) for family in _FAMILIES if wanted[family[0]]]
                at = time.monotonic()
            return kept

    @rooms.get("/api/v1/check")
    def view() -> Response:
        found = answers()
        return jsonify(
            {
                "words": words(found),
                "port": box.settings.ntp.port,
                "answers": [
                    {
                        "family": each.family,
                        "answered": each.answered,
                        "problem": each.problem,
                        "leap": each.leap,
                        "stratum": each.stratum,
                    }
                    for each in found
                ],
            }
        )

    return rooms
