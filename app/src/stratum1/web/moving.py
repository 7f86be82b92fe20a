# SPDX-License-Identifier: MIT
"""A changed network is on trial: this page says where the box is found now, and takes "keep it" or "go back"."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from stratum1 import orders
from stratum1.netconfig.trial import left_s
from stratum1.settings.network import Network
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.words.tongue import N_, _

ELSEWHERE = N_(
    "The network is managed by this computer, not by stratum1, so it is changed there. "
    "On the appliance these fields can be set."
)
NOTICED_S = 3.0
"""The supervisor looks once a second."""


def locked(box: Box) -> dict[str, str]:
    """Sections that cannot be changed here, with the reason."""
    return {} if box.network() else {"network": _(ELSEWHERE)}


def trial(box: Box) -> dict[str, Any] | None:
    """What is being tried, for the templates; None while nothing is."""
    status = box.network()
    left = left_s(status)
    return None if left is None else {"mark": status["trial"].get("mark", ""), "left_s": round(left)}


@dataclass(frozen=True, slots=True)
class Before:
    """How things were before settings are stored."""

    network: Network
    mark: str

    @classmethod
    def of(cls, box: Box) -> Before:
        running = trial(box)
        return cls(box.settings.network, running["mark"] if running else "")


def answer(box: Box, before: Before) -> Any | None:
    """What to answer when stored settings move the box: not a redirect, as this address may be gone by then.

    None when they do not.  The supervisor says that it tries new settings before it touches anything.
    """
    if box.settings.network == before.network or not box.network():
        return None
    deadline = time.monotonic() + NOTICED_S
    while time.monotonic() < deadline:
        running = trial(box)
        if running is not None and running["mark"] != before.mark:
            return show(box)
        time.sleep(0.05)
    return None


def places(network: Network, scheme: str, port: int | None) -> list[str]:
    """Under which addresses the page is to be found with `network`, the surest first."""
    hosts = []
    if network.ipv4 == "static":
        hosts.append(network.ipv4_address.partition("/")[0])
    if network.ipv6 == "static":
        hosts.append(f"[{network.ipv6_address.partition('/')[0]}]")
    hosts.append(f"{socket.gethostname()}.local")
    usual = port is None or port == {"http": 80, "https": 443}.get(scheme)
    return [f"{scheme}://{host}/" if usual else f"{scheme}://{host}:{port}/" for host in hosts]


def show(box: Box) -> Any:
    """The page of a trial that runs; back to the settings when none does."""
    from stratum1.web.forms import Mark

    running = trial(box)
    if running is None:
        return redirect(url_for("configure.view"))
    network = box.settings.network
    port = request.host.rpartition(":")[2]
    return render_template(
        "moving.html",
        trial=running,
        places=places(network, request.scheme, int(port) if port.isdigit() else None),
        asks=network.ipv4 == "dhcp",
        vlan=network.vlan,
        form=Mark(mark=running["mark"]),
    )


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("moving", __name__)

    @rooms.get("/settings/network")
    @guard.only_known
    def view() -> Any:
        return show(box)

    @rooms.get("/settings/network/trial")
    @guard.only_known
    def state() -> Any:
        """For the script of the page: null, or the mark and the seconds that are left."""
        return {"trial": trial(box)}

    @rooms.post("/settings/network/<any(keep, back):what>")
    @guard.only_known
    def decide(what: str) -> Any:
        from stratum1.web.forms import Mark

        form = Mark()
        if not form.validate_on_submit():
            return redirect(url_for("configure.view"))
        running = trial(box)
        if running is None or running["mark"] != form.mark.data:
            flash(_("That came too late: what it was about is over."))
            return redirect(url_for("configure.view"))
        try:
            orders.give(box.paths, f"network-{what} {running['mark']}")
        except OSError as error:
            flash(_("The supervisor cannot be told: {strerror}.").format(strerror=error.strerror))
            return redirect(url_for("configure.view"))
        if what == "back":
            flash(_("The former network settings come back; open the box at its former address."))
        else:
            _wait_for_the_end(box)
            flash(_("The new network settings are kept."))
        return redirect(url_for("configure.view"))

    return rooms


def _wait_for_the_end(box: Box) -> None:
    deadline = time.monotonic() + NOTICED_S
    while trial(box) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
