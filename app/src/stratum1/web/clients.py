# SPDX-License-Identifier: MIT
"""Clients: how much is asked, what was refused and why; who asks is told to those who are logged in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template

from stratum1.ntp.counters import Client, Counters
from stratum1.ntp.verdicts import EXPLAINED
from stratum1.web.box import Box
from stratum1.web.client import ago, hardware_address, hints, mode_name
from stratum1.web.client import facts as client_facts
from stratum1.web.login import Guard
from stratum1.words.tongue import N_, _

SHOWN = 200
EVERYBODY = 65_536
COLUMNS = ("address", "requests", "dropped", "first_s", "last_s", "interval_s", "version", "mode")


def facts(counters: Counters) -> list[tuple[str, str]]:
    """(label, text) of the traffic as a whole."""
    families = _(" and ").join(name for name, on in (("IPv4", counters.ipv4), ("IPv6", counters.ipv6)) if on)
    versions = ", ".join(f"v{version}: {count}" for version, count in counters.versions.items())
    rows = [
        (N_("Answers"), str(counters.served)),
        (N_("Now"), _("{number} a second").format(number=f"{counters.per_second:.1f}")),
        (N_("Last minute"), f"{counters.per_minute:.0f}"),
        (N_("Refused or dropped"), str(sum(counters.dropped.values()))),
        (N_("NTP versions"), versions),
        (N_("Interleaved"), str(counters.total("interleaved")) if counters.total("interleaved") else ""),
        (N_("Authenticated"), str(counters.total("authenticated")) if counters.total("authenticated") else ""),
        (N_("Lost, buffer full"), str(counters.total("overflowed")) if counters.total("overflowed") else ""),
        (
            N_("Answers on"),
            _("UDP port {port}, {families}").format(port=counters.port, families=families) if counters.port else "",
        ),
    ]
    return [(label, text) for label, text in rows if text]


def refusals(counters: Counters) -> list[tuple[str, int]]:
    """(why, how often), the most frequent first."""
    dropped = sorted(counters.dropped.items(), key=lambda pair: -pair[1])
    return [(EXPLAINED[verdict], count) for verdict, count in dropped]


def as_dict(counters: Counters) -> dict[str, Any]:
    return {
        "served": counters.served,
        "per_second": round(counters.per_second, 3),
        "per_minute": round(counters.per_minute, 3),
        "dropped": {verdict.name.lower(): count for verdict, count in counters.dropped.items()},
        "versions": {str(version): count for version, count in counters.versions.items()},
        "modes": {str(mode): count for mode, count in counters.modes.items()},
        "interleaved": counters.total("interleaved"),
        "authenticated": counters.total("authenticated"),
        "overflowed": counters.total("overflowed"),
        "port": counters.port,
        "ipv4": counters.ipv4,
        "ipv6": counters.ipv6,
        "problem": counters.problem,
    }


def row(client: Client) -> dict[str, Any]:
    return {
        "address": client.address,
        "requests": client.requests,
        "dropped": client.dropped,
        "first_s": round(client.first_s, 1),
        "last_s": round(client.last_s, 1),
        "interval_s": round(client.interval_s, 1),
        "version": client.version,
        "mode": client.mode,
    }


def csv(clients: list[Client]) -> Iterable[str]:
    yield ",".join(COLUMNS) + "\r\n"
    for client in clients:
        said = row(client)
        yield ",".join(str(said[name]) for name in COLUMNS) + "\r\n"


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("clients", __name__)

    @rooms.get("/clients")
    def view() -> str:
        counters = box.counters.read()
        return render_template(
            "clients.html",
            counters=counters,
            facts=facts(counters) if counters else [],
            refusals=refusals(counters) if counters else [],
            clients=box.counters.clients(SHOWN) if guard.known else None,
            mode_name=mode_name,
            ago=ago,
        )

    @rooms.get("/clients/<address>")
    @guard.only_known
    def one(address: str) -> str:
        found = next((each for each in box.counters.clients(EVERYBODY) if each.address == address), None)
        if found is None:
            abort(
                404,
                _("{address} has not asked since the responder was started, or was crowded out of the table.").format(
                    address=address
                ),
            )
        return render_template(
            "client.html",
            client=found,
            facts=client_facts(found, hardware_address(box.paths.proc / "net" / "arp", address)),
            hints=hints(found, box.settings.ntp),
        )

    @rooms.get("/api/v1/traffic")
    def traffic() -> Response:
        counters = box.counters.read()
        return jsonify(as_dict(counters) if counters else None)

    @rooms.get("/api/v1/clients")
    @guard.only_known
    def clients() -> Response:
        return jsonify([row(client) for client in box.counters.clients(EVERYBODY)])

    @rooms.get("/api/v1/clients.csv")
    @guard.only_known
    def clients_csv() -> Response:
        answer = Response(csv(box.counters.clients(EVERYBODY)), mimetype="text/csv")
        answer.headers["Content-Disposition"] = 'attachment; filename="stratum1-clients.csv"'
        return answer

    return rooms
