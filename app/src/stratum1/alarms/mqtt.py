# SPDX-License-Identifier: MIT
"""State, readings and standing alarms on an MQTT broker, found by Home Assistant by itself.

Below TOPIC/NAME: `availability` (online, offline: also the last will), `state` (readings) and `alarms`, all retained.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterable
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from stratum1 import __version__
from stratum1.alarms.message import Message
from stratum1.alarms.trouble import PATIENCE_S, WayError, why
from stratum1.settings.alarms import Mqtt
from stratum1.words import Status
from stratum1.words.alarms import Alarm

FIRST_RETRY_S, LAST_RETRY_S = 5, 300
KEEPALIVE_S = 60
LAST_WORD_S = 0.5
MISSED = 4
"""After so many readings that did not come Home Assistant takes them for unknown."""

# key of the reading, name, unit, device class, decimals
_SENSORS = (
    ("offset_us", "Offset", "µs", None, 3),
    ("bound_us", "Error bound", "µs", None, 3),
    ("jitter_us", "Jitter", "µs", None, 3),
    ("frequency_ppm", "Frequency", "ppm", None, 3),
    ("satellites_used", "Satellites", "", None, 0),
    ("temperature_c", "Temperature", "°C", "temperature", 1),
)
_STATES = ["ACQUIRING", "LOCKED", "HOLDOVER", "UNSYNCHRONISED"]


def base(settings: Mqtt, box: str) -> str:
    return f"{settings.topic}/{box}"


def reading(status: Status) -> dict[str, Any]:
    """What is published; None where nothing is known."""
    return {
        "state": status.state,
        "serves": status.serves,
        "headline": status.headline,
        "stratum": status.stratum_number,
        "offset_us": _micro(status.offset_ns),
        "bound_us": _micro(status.bound_ns),
        "jitter_us": _micro(status.jitter_ns),
        "frequency_ppm": status.frequency_ppm,
        "satellites_used": status.satellites_used,
        "temperature_c": status.temperature_c,
    }


def _micro(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1000


def told(alarms: Iterable[Alarm]) -> dict[str, Any]:
    """The standing alarms, as they are published."""
    rows = [{"key": a.key, "level": a.level, "headline": a.headline, "advice": a.advice} for a in alarms]
    return {"problem": bool(rows), "count": len(rows), "alarms": rows}


def announcements(settings: Mqtt, box: str) -> dict[str, dict[str, Any]]:
    """Topic -> what Home Assistant's MQTT discovery wants there; empty when it is not wanted."""
    if not settings.discovery:
        return {}
    here, mark = base(settings, box), f"stratum1_{box}"
    common = {
        "availability_topic": f"{here}/availability",
        "device": {"identifiers": [mark], "name": box, "model": "stratum1", "sw_version": __version__},
    }
    state = {**common, "state_topic": f"{here}/state", "expire_after": settings.interval_s * MISSED}
    found: dict[str, dict[str, Any]] = {
        f"{settings.discovery}/sensor/{mark}/state/config": {
            **state,
            "name": "State",
            "unique_id": f"{mark}_state",
            "device_class": "enum",
            "options": _STATES,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": f"{here}/state",
        },
        f"{settings.discovery}/binary_sensor/{mark}/problem/config": {
            **common,
            "name": "Problem",
            "unique_id": f"{mark}_problem",
            "device_class": "problem",
            "state_topic": f"{here}/alarms",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
            "json_attributes_topic": f"{here}/alarms",
        },
    }
    for key, name, unit, kind, decimals in _SENSORS:
        found[f"{settings.discovery}/sensor/{mark}/{key}/config"] = {
            **state,
            "name": name,
            "unique_id": f"{mark}_{key}",
            "value_template": f"{{{{ value_json.{key} }}}}",
            "state_class": "measurement",
            "suggested_display_precision": decimals,
            **({"unit_of_measurement": unit} if unit else {}),
            **({"device_class": kind} if kind else {}),
        }
    return found


def _client(settings: Mqtt, name: str) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.max_queued_messages_set(20)
    if settings.user:
        client.username_pw_set(settings.user, settings.password)
    if settings.tls:
        client.tls_set_context(ssl.create_default_context())
    return client


class Publisher:
    """Keeps a connection to the broker and says there what is so; gone connections come back by themselves."""

    def __init__(self, settings: Mqtt, box: str) -> None:
        self._settings = settings
        self._box = box
        self._base = base(settings, box)
        self._latest: dict[str, str] = {}
        self.problem = "not connected yet"
        """Empty while there is a connection."""
        client = _client(settings, f"stratum1-{box}")
        client.will_set(f"{self._base}/availability", "offline", qos=1, retain=True)
        client.reconnect_delay_set(FIRST_RETRY_S, LAST_RETRY_S)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_connect_fail = self._failed
        self._client = client

    def start(self) -> None:
        """In a thread of its own; never waits for the broker."""
        self._client.connect_async(self._settings.server, self._settings.port, KEEPALIVE_S)
        self._client.loop_start()

    def say(self, status: Status, alarms: Iterable[Alarm]) -> None:
        """Publish now; while there is no broker only the newest is kept for it."""
        self._latest = {"state": json.dumps(reading(status)), "alarms": json.dumps(told(alarms))}
        if self._client.is_connected():
            self._publish_latest()

    def stop(self) -> None:
        """Say good-bye, if anybody listens."""
        if self._client.is_connected():
            with contextlib.suppress(RuntimeError, ValueError):  # it went away just now, and the last will speaks
                self._publish("availability", "offline").wait_for_publish(LAST_WORD_S)
        self._client.disconnect()

    def _publish(self, name: str, text: str) -> MQTTMessageInfo:
        return self._client.publish(f"{self._base}/{name}", text, qos=1, retain=True)

    def _publish_latest(self) -> None:
        for name, text in self._latest.items():
            self._publish(name, text)

    def _connected(
        self, client: Client, data: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self.problem = f"{self._settings.server} refused: {code}"
            return
        self.problem = ""
        for topic, content in announcements(self._settings, self._box).items():
            client.publish(topic, json.dumps(content), qos=1, retain=True)
        self._publish("availability", "online")
        self._publish_latest()

    def _disconnected(
        self, client: Client, data: Any, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if not self.problem:
            self.problem = f"{self._settings.server}: the connection was lost"

    def _failed(self, client: Client, data: Any) -> None:
        self.problem = f"{self._settings.server} port {self._settings.port} does not answer"


def send_test(message: Message, settings: Mqtt) -> None:
    """Publish `message` on TOPIC/NAME/test; WayError unless the broker has acknowledged it."""
    client = _client(settings, f"stratum1-{message.box}-test")
    said: list[ReasonCode] = []
    answered = threading.Event()

    def connected(*arguments: Any) -> None:
        said.append(arguments[3])
        answered.set()

    client.on_connect = connected
    client.connect_timeout = PATIENCE_S
    try:
        code = client.connect(settings.server, settings.port, KEEPALIVE_S)
        client.loop_start()
        if code is not MQTTErrorCode.MQTT_ERR_SUCCESS or not answered.wait(PATIENCE_S):
            raise WayError(f"{settings.server} port {settings.port}: no MQTT broker answers")
        if said[0].is_failure:
            raise WayError(f"{settings.server} refused: {said[0]}")
        info = client.publish(f"{base(settings, message.box)}/test", json.dumps(message.as_dict()), qos=1)
        info.wait_for_publish(PATIENCE_S)
        if not info.is_published():
            raise WayError(f"{settings.server} did not acknowledge the message")
    except (OSError, ValueError, RuntimeError) as error:
        raise WayError(why(error, settings.server, settings.port)) from None
    finally:
        client.disconnect()
        client.loop_stop()
