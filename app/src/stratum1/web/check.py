# SPDX-License-Identifier: MIT
"""The box asks itself for the time, by NTP, at the loopback and the first own address of each family."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from dataclasses import dataclass

from flask import Blueprint, Response, jsonify

from stratum1.web.box import Box
from stratum1.words.tongue import _

PATIENCE_S = 0.5
KEPT_S = 5.0
"""So long an answer is told again, that nobody makes the box ask itself without end."""

_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True, slots=True)
class Answer:
    family: str
    answered: bool
    problem: str
    """Why not, as one line; empty when it was answered."""
    leap: int = 3
    stratum: int = 0
    address: str = ""
    """Where it was asked."""


def targets(box: Box) -> list[tuple[int, str]]:
    """(IP version, address) of what is to be asked; a link-local address would need an interface."""
    served = [version for version, on in ((4, box.settings.ntp.ipv4), (6, box.settings.ntp.ipv6)) if on]
    own = [each.address for each in box.addresses() if not each.address.is_link_local]
    found = []
    for version in served:
        found.append((version, _LOOPBACK[version]))
        found += [(version, str(address)) for address in own if address.version == version][:1]
    return found


def ask(version: int, host: str, port: int) -> Answer:
    """One NTPv4 client request (RFC 5905 section 7.3) with a random transmit stamp, which the answer must repeat."""
    name = f"IPv{version}"
    stamp = secrets.token_bytes(8)
    deadline = time.monotonic() + PATIENCE_S
    try:
        with socket.socket(_FAMILY[version], socket.SOCK_DGRAM) as client:
            client.connect((host, port))
            client.send(b"\x23" + bytes(39) + stamp)
            while (left := deadline - time.monotonic()) > 0:
                client.settimeout(left)
                packet = client.recv(1024)
                if len(packet) >= 48 and packet[24:32] == stamp and packet[0] & 7 == 4:
                    return Answer(name, True, "", packet[0] >> 6, packet[1], host)
    except TimeoutError:
        pass
    except ConnectionRefusedError:
        return Answer(name, False, _("nothing listens on UDP port {port}").format(port=port), address=host)
    except OSError as error:
        return Answer(name, False, error.strerror or str(error), address=host)
    return Answer(name, False, _("no answer"), address=host)


def words(answers: list[Answer]) -> str:
    """One line for people."""
    good = list(dict.fromkeys(each.family for each in answers if each.answered))
    bad = [
        f"{_('{family} at {address}').format(family=each.family, address=each.address)}: {each.problem}"
        for each in answers
        if not each.answered
    ]
    parts = [_("answers on {families}").format(families=_(" and ").join(good))] if good else []
    if good and any(each.leap == 3 for each in answers if each.answered):
        parts.append(_("says that its time is not to be used"))
    return "; ".join(parts + bad) or _("both IPv4 and IPv6 are switched off in the settings")


class Asking:
    """The answers, told again for a while; any thread may ask."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._lock = threading.Lock()
        self._kept: list[Answer] = []
        self._at = -KEPT_S

    def answers(self) -> list[Answer]:
        with self._lock:
            if time.monotonic() - self._at >= KEPT_S:
                port = self._box.settings.ntp.port
                self._kept = [ask(version, host, port) for version, host in targets(self._box)]
                self._at = time.monotonic()
            return self._kept


def room(box: Box) -> Blueprint:
    rooms = Blueprint("check", __name__)
    asking = Asking(box)

    @rooms.get("/api/v1/check")
    def view() -> Response:
        found = asking.answers()
        return jsonify(
            {
                "words": words(found),
                "port": box.settings.ntp.port,
                "answers": [
                    {
                        "family": each.family,
                        "address": each.address,
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
