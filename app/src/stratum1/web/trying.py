# SPDX-License-Identifier: MIT
"""Sends a test over a way of alarms and says what became of it.

In a process of its own: the libraries of mail and MQTT are heavy, and a server that hangs holds up one visitor alone.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.settings.alarms import WAYS
from stratum1.web.box import Box
from stratum1.web.login import Guard
from stratum1.words.tongue import N_, _

PATIENCE_S = 60.0
UNSTORED = N_("Name a server and store it; then a test can be sent.")


def notes(box: Box) -> dict[str, dict[str, Any]]:
    """Section -> whether a test can be sent, and how the way does according to its process."""
    ready, told = box.settings.ways(), box.alarms().get("ways")
    found = {}
    for way in WAYS:
        state = told.get(way) if isinstance(told, dict) and way in ready else None
        state = state if isinstance(state, dict) else {}
        found[way] = {
            "ready": way in ready,
            "problem": str(state.get("problem") or ""),
            "waiting": state.get("waiting") or 0,
            "sent": state.get("sent") or 0,
        }
    return found


def attempt(paths: Paths, way: str, settings: Settings) -> tuple[bool, str]:
    """Whether it went well, and one line for a person."""
    if way not in settings.ways():
        return False, _(UNSTORED)
    import subprocess  # hardly anybody ever tries

    command = [sys.executable, "-P", "-m", "stratum1", "alarms", "test", way]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **paths.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"The test by {WAYS[way]} did not end within {PATIENCE_S:.0f} s."
    except OSError as error:
        return False, f"The test cannot be started: {error.strerror}."
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
    said = lines[-1] if lines else f"status {done.returncode}"
    if done.returncode == 0:
        return True, f"Test by {WAYS[way]}: {said}."
    return False, f"The test by {WAYS[way]} failed: {said}"


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("trying", __name__)
    busy = threading.Lock()

    @rooms.post(f"/settings/test/<any({', '.join(WAYS)}):way>")
    @guard.only_known
    def send(way: str) -> Any:
        from stratum1.web.forms import Confirm

        well, said = False, "This page had been open for too long: load it anew."
        if Confirm().validate_on_submit():
            if busy.acquire(blocking=False):
                try:
                    well, said = attempt(box.paths, way, box.settings)
                finally:
                    busy.release()
            else:
                said = "Another test is still under way; try again when it has ended."
        if request.accept_mimetypes.best == "application/json":
            return {"well": well, "said": said}
        flash(said)
        return redirect(url_for("configure.view", _anchor=way))

    return rooms
