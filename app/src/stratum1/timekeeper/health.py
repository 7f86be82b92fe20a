# SPDX-License-Identifier: MIT
"""What the receiver says of itself, as the snapshot's fields: it has no part in keeping time."""

from __future__ import annotations

from typing import Any

from stratum1.receiver.events import Device, Epoch, Event, Gone, Hardware, Sawtooth, Sky, Surveying
from stratum1.tracking.snapshot import Antenna, Reason, Survey


class Health:
    def __init__(self) -> None:
        self.forget_device()
        self.forget()

    def forget(self) -> None:
        """What it said of itself is no longer so; its name still is."""
        self._sky = Sky(0, 0)
        self._hardware = Hardware(Antenna.UNKNOWN)
        self._survey = Surveying(Survey.UNKNOWN, 0, 0)
        self._quantisation_ps: int | None = None

    def forget_device(self) -> None:
        self._name = self._port = ""
        self._heard = False

    def take(self, event: Event) -> None:
        if isinstance(event, Gone):
            self.forget()
            self._heard = event.reason is Reason.NO_FIX
        elif isinstance(event, Epoch):
            self._heard = True
        elif isinstance(event, Sky):
            self._sky = event
        elif isinstance(event, Device):
            self._name, self._port = event.name, event.port
            self._heard = bool(event.driver)
        elif isinstance(event, Hardware):
            self._hardware = event
        elif isinstance(event, Surveying):
            self._survey = event
        elif isinstance(event, Sawtooth):
            self._quantisation_ps = event.early_ps

    def fields(self) -> dict[str, Any]:
        """Fields of tracking.Snapshot."""
        return {
            "satellites_used": self._sky.used,
            "satellites_seen": self._sky.seen,
            "antenna": self._hardware.antenna,
            "jamming": self._hardware.jamming or 0,
            "jamming_state": self._hardware.jamming_state,
            "survey_state": self._survey.state,
            "survey_s": self._survey.seconds,
            "survey_accuracy_mm": self._survey.accuracy_mm,
            "quantisation_ps": self._quantisation_ps,
            "receiver": self._name,
            "receiver_port": self._port if self._heard else "",
        }
