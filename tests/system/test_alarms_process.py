# SPDX-License-Identifier: MIT
"""The process `stratum1 alarms` against real servers and a real MQTT broker: told once, told when over, never lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alarm_servers import Hook, Smtp, Syslog, free_port
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from stratum1.paths import Paths
from stratum1.settings import Settings, save
from stratum1.tracking import Leap, Reason, Snapshot, State, TrackingWriter

TOP = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("STRATUM1_PEERS", TOP / "build" / "peers")) / "bin"
PATIENCE_S = 60.0
AT_ONCE = {"alarms.raise_after_s": 0, "alarms.clear_after_s": 0, "system.name": "clock"}
LOCKED = Snapshot(
    state=State.LOCKED,
    reason=Reason.TRACKING,
    leap=Leap.NONE,
    stratum=1,
    refid=b"PPS\0",
    bound_ns=1300,
    offset_ns=-112,
    frequency=-2.5e-6,
    pulses_accepted=100,
    satellites_used=9,
    satellites_seen=14,
    temperature_mc=48_500,
)


def wait_for(what: str, true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain: {what}"
        time.sleep(0.05)
    return found


class Box:
    def __init__(self, folder: Path) -> None:
        self.paths = Paths(root=folder / "root", run=folder / "run", data=folder / "data")
        for place in (self.paths.root, self.paths.run, self.paths.data):
            place.mkdir()
        self.environ = {**os.environ, **self.paths.environment(), "PYTHONPATH": str(TOP / "app" / "src")}
        self.process: subprocess.Popen[bytes] | None = None
        self._writer: TrackingWriter | None = None

    def set(self, **keys: Any) -> None:
        """mail__to=[..]: all of them at once, as some need each other."""
        tables: dict[str, dict[str, Any]] = {}
        for key, value in {**AT_ONCE, **{k.replace("__", "."): v for k, v in keys.items()}}.items():
            section, _, name = key.partition(".")
            tables.setdefault(section, {})[name] = value
        save(self.paths.settings, Settings.from_tables(tables))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "stratum1", "alarms", *words]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), env=self.environ)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=15)

    def test(self, way: str) -> tuple[int, str]:
        done = subprocess.run(self.command("test", way), env=self.environ, capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).strip()

    def locks(self) -> None:
        """A timekeeper that has the time speaks once; a snapshot is believed for 5 s."""
        if self._writer is None:
            self._writer = TrackingWriter(self.paths.tracking)
        kernel = time.time_ns()
        marks = {"reference_ns": kernel, "last_pulse_ns": kernel, "state_since_ns": kernel - 10**9}
        monotonic = kernel - time.monotonic_ns()
        self._writer.write(replace(LOCKED, kernel_ns=kernel, realtime_minus_monotonic_ns=monotonic, **marks))

    @property
    def status(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(self.paths.alarms_status.read_bytes())
            return found
        return {}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    found = Box(tmp_path)
    yield found
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait()


def test_every_way_is_told_once_and_told_when_it_is_over(box: Box) -> None:
    log, post, hook = Syslog(), Smtp(), Hook()
    box.set(
        syslog__server="127.0.0.1",
        syslog__port=log.port,
        mail__server="localhost",
        mail__port=post.port,
        mail__security="none",
        mail__sender="box@example.org",
        mail__to=["me@example.org"],
        webhook__url=f"http://localhost:{hook.port}/",
    )
    box.start()
    wait_for("all three", lambda: log.records and post.letters and hook.posts)
    assert hook.posts[0][2]["kind"] == "raised" and hook.posts[0][2]["time_utc"] == ""

    def over() -> bool:
        box.locks()
        return len(log.records) > 1 and len(post.letters) > 1 and len(hook.posts) > 1

    wait_for("the end of it", over)
    assert hook.posts[1][2]["kind"] == "cleared" and hook.posts[1][2]["state"] == "LOCKED"
    assert str(hook.posts[1][2]["time_utc"]).startswith("20")
    assert post.letters[1]["Subject"] == "clock: Over: The timekeeper is not running."
    assert box.stop() == 0
    assert (len(log.records), len(post.letters), len(hook.posts)) == (2, 2, 2)
    for server in (log, post, hook):
        server.close()


def test_what_could_not_be_sent_is_sent_by_the_next_process_and_nothing_is_repeated(box: Box) -> None:
    port = free_port()
    box.set(webhook__url=f"http://localhost:{port}/")
    box.start()
    wait_for("a refusal", lambda: "localhost port" in str(box.status.get("ways", {}).get("webhook", {}).get("problem")))
    assert box.status["ways"]["webhook"]["waiting"] == 1
    assert box.stop(signal.SIGKILL) != 0
    hook = Hook()
    box.set(webhook__url=f"http://localhost:{hook.port}/")
    box.start()
    wait_for("the message", lambda: hook.posts)
    wait_for("its acknowledgement", lambda: box.status["ways"]["webhook"]["sent"] == 1)
    assert box.stop() == 0
    assert [post[2]["kind"] for post in hook.posts] == ["raised"], "what had been told is not told again"
    hook.close()


def test_another_server_in_the_settings_wants_another_process(box: Box) -> None:
    box.set(webhook__url="http://localhost:9/")
    box.start()
    wait_for("its first look", lambda: box.status)
    assert box.process is not None
    box.process.send_signal(signal.SIGHUP)
    box.set(webhook__url="http://localhost:10/")
    assert box.stop(signal.SIGHUP) == 0


def test_without_a_way_there_is_nothing_to_do(box: Box) -> None:
    done = subprocess.run(box.command(), env=box.environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no way of telling alarms is set up" in done.stderr


def test_a_test_says_what_became_of_it(box: Box) -> None:
    hook = Hook()
    box.set(webhook__url=f"http://localhost:{hook.port}/")
    assert box.test("webhook") == (0, "sent") and hook.posts[0][2]["kind"] == "test"
    hook.answer = 500
    code, said = box.test("webhook")
    assert code == 2 and said.startswith("localhost answered 500")
    code, said = box.test("mail")
    assert code == 2 and said == "no server is named for e-mail"
    hook.close()


# MQTT


class Broker:
    """mosquitto, with one subscriber that hears everything."""

    def __init__(self, folder: Path) -> None:
        program = PEERS / "mosquitto.mosquitto"
        if not program.exists():
            pytest.skip("mosquitto is not unpacked; scripts/peers.sh gets it")
        self.port = free_port()
        self._command = [str(program), "-c", str(folder / "mosquitto.conf")]
        (folder / "mosquitto.conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        self.heard: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ear = Client(CallbackAPIVersion.VERSION2, client_id="ear")
        self.ear.on_message = self._hear
        self.ear.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        wait_for("the broker", self._connected)
        self.ear.loop_start()

    def _connected(self) -> bool:
        with contextlib.suppress(OSError):
            self.ear.connect("127.0.0.1", self.port)
            return True
        return False

    def _hear(self, client: Client, data: object, message: MQTTMessage) -> None:
        self.heard[message.topic] = message.payload.decode()

    def stop(self) -> None:
        self.ear.disconnect()
        self.ear.loop_stop()
        self.process.terminate()
        self.process.wait(timeout=15)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    found = Broker(tmp_path)
    yield found
    found.stop()


def test_a_broker_hears_state_and_alarms_and_home_assistant_what_there_is(box: Box, broker: Broker) -> None:
    box.set(mqtt__server="127.0.0.1", mqtt__port=broker.port, mqtt__interval_s=5)
    box.start()
    here, heard = "stratum1/clock", broker.heard
    wait_for("the alarm", lambda: f"{here}/alarms" in heard and json.loads(heard[f"{here}/alarms"])["problem"])
    assert heard[f"{here}/availability"] == "online"
    assert json.loads(heard[f"{here}/state"])["offset_us"] is None

    def locked() -> bool:
        box.locks()
        return bool(json.loads(heard[f"{here}/state"])["state"] == "LOCKED")

    wait_for("LOCKED", locked)
    state = json.loads(heard[f"{here}/state"])
    assert (state["offset_us"], state["satellites_used"], state["temperature_c"]) == (-0.112, 9, 48.5)
    announced = {topic: json.loads(text) for topic, text in heard.items() if topic.startswith("homeassistant/")}
    assert len(announced) == 8 and len({entity["unique_id"] for entity in announced.values()}) == 8
    for entity in announced.values():
        assert entity["state_topic"] in heard and entity["availability_topic"] == f"{here}/availability"
        key = entity["value_template"].partition("value_json.")[2].split()[0]
        assert key in json.loads(heard[entity["state_topic"]]), "a template names what is published"
    assert box.test("mqtt") == (0, "sent")
    wait_for("the test", lambda: f"{here}/test" in heard)
    assert box.stop() == 0
    wait_for("its good-bye", lambda: heard[f"{here}/availability"] == "offline")


def test_a_box_that_dies_is_said_to_be_offline_by_its_last_will(box: Box, broker: Broker) -> None:
    box.set(mqtt__server="127.0.0.1", mqtt__port=broker.port)
    box.start()
    wait_for("online", lambda: broker.heard.get("stratum1/clock/availability") == "online")
    box.stop(signal.SIGKILL)
    wait_for("offline", lambda: broker.heard["stratum1/clock/availability"] == "offline")


def test_a_broker_that_comes_back_is_told_anew(box: Box, broker: Broker) -> None:
    box.set(mqtt__server="127.0.0.1", mqtt__port=broker.port, mqtt__interval_s=5)
    box.start()
    wait_for("online", lambda: broker.heard.get("stratum1/clock/availability") == "online")
    broker.stop()
    wait_for("its absence", lambda: "lost" in box.status["ways"]["mqtt"]["problem"])
    broker.heard.clear()
    broker.start()
    wait_for("everything again", lambda: len(broker.heard) == 8 + 3)
    wait_for("all is well", lambda: box.status["ways"]["mqtt"]["problem"] == "")


def test_a_broker_that_is_not_there_is_named(box: Box) -> None:
    port = free_port()
    box.set(mqtt__server="127.0.0.1", mqtt__port=port)
    code, said = box.test("mqtt")
    assert code == 2 and f"127.0.0.1 port {port}" in said and "\n" not in said
