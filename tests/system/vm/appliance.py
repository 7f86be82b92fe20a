# SPDX-License-Identifier: MIT
"""The appliance in its virtual machine, as its users meet it: asked, looked at, pulled about."""

from __future__ import annotations

import ctypes
import json
import mmap
import socket
import statistics
import struct
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glass import Glass, read_glass
from hands import Hands, HandsError
from machine import Machine
from patience import patience, wait_until
from record import Record

NTP_UNIX_S = 2_208_988_800
SECOND = 1_000_000_000
figures: dict[str, float] = {}
"""What the cases have measured, for the end of the log."""


@dataclass(frozen=True)
class Answer:
    """The header of an NTP answer (RFC 5905 section 7.3)."""

    leap: int
    stratum: int
    refid: bytes
    root_distance_s: float
    """Root dispersion and half the root delay: how far off it may be by its own word."""
    transmit_s: float
    """Unix seconds, in the era nearest to true time."""

    @property
    def synchronised(self) -> bool:
        return self.leap != 3 and self.stratum != 0


@dataclass(frozen=True)
class Truth:
    """True time as the hat has it, against this machine's monotonic clock."""

    true_ns: int
    monotonic_ns: int
    rate: float
    leap_at_s: int

    def utc_ns(self, monotonic_ns: int) -> int:
        """POSIX time: during an inserted second as during the second before it."""
        since = monotonic_ns - self.monotonic_ns
        true = self.true_ns + since + int(since * self.rate)
        return true - SECOND if self.leap_at_s and true >= self.leap_at_s * SECOND else true


@dataclass(frozen=True)
class Stamp:
    """A cross time stamp: guest minus true time, ns."""

    kernel_ns: int
    served_ns: int
    bound_ns: int
    round_trip_ns: int


class Appliance:
    def __init__(self, machine: Machine, hat_program: Path, key: Path) -> None:
        self.machine = machine
        self.boot_to_answer_s = 0.0
        self._hat_program = hat_program
        self._start: dict[str, Any] = {}
        self._hands = Hands(machine.ssh_port, key)
        self._leap_at_s = 0
        self._truth: Truth | None = None
        self._question = int(time.time())
        self.record = Record(self)

    # Power

    def power_on(self, *orders: str, watched: bool = True, **start: Any) -> None:
        """Put the plug in; the hat begins with `orders`, the rest is Machine.start's."""
        self._start = start
        self._truth = None
        self._leap_at_s = next((int(order.split()[1]) for order in orders if order.startswith("leap ")), 0)
        self.machine.start(self._hat_program, *orders, **start)
        if watched and not self.record.is_alive():
            self.record.start()

    def power_cut(self) -> None:
        """Pull the plug; the hat's next start begins with the same date."""
        self._hands.forget()
        self.machine.power_cut()

    def power_back(self, *orders: str) -> None:
        self.power_on(*orders, **self._start)

    def first_answer(self, seconds: float = 90.0) -> Answer:
        """What it says as soon as it says anything after power-on; also tells how quick the host is."""
        began = time.monotonic()
        answer = wait_until("an answer", self.ask, seconds)
        self.boot_to_answer_s = time.monotonic() - began
        patience.booted(self.boot_to_answer_s)
        figures.setdefault("s from power-on to the first answer", self.boot_to_answer_s)
        return answer

    def close(self) -> None:
        if self.record.is_alive():
            self.record.stop()
        self._hands.forget()
        self.machine.close()

    # What the network sees

    def ask(self, timeout: float = 1.0) -> Answer | None:
        """One NTPv4 client request through the forwarded port; None without an answer."""
        found = self.examine(timeout)
        return found[2] if found else None

    def examine(self, timeout: float = 1.0) -> tuple[float, float, Answer] | None:
        """(error against true time, round trip, answer), in seconds."""
        truth = self.truth()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            try:
                client.connect(("127.0.0.1", self.machine.ntp_port))
                sent = time.monotonic_ns()
                client.send(bytes([0x23]) + bytes(39) + struct.pack("!Q", sent))
                packet = client.recv(512)
                came = time.monotonic_ns()
            except OSError:
                return None
        if packet[24:32] != struct.pack("!Q", sent):
            return None
        delay, dispersion = struct.unpack("!II", packet[4:12])
        received, transmit = struct.unpack("!QQ", packet[32:48])
        true_s = truth.utc_ns((sent + came) // 2) / 1e9
        middle = (received / 2 + transmit / 2) / 2**32 - NTP_UNIX_S
        middle += round((true_s - middle) / 2**32) * 2**32
        answer = Answer(packet[0] >> 6, packet[1], packet[12:16], (delay / 2 + dispersion) / 65536, middle)
        trip = (came - sent) / 1e9 - (transmit - received) / 2**32
        return middle - true_s, max(trip, 0.0), answer

    @property
    def synchronised(self) -> bool:
        answer = self.ask()
        return answer is not None and answer.synchronised

    @property
    def refusing(self) -> bool:
        """It answers, and says that its time is no good; no answer is none."""
        answer = self.ask()
        return answer is not None and (answer.leap, answer.stratum) == (3, 0)

    @property
    def answering(self) -> bool:
        """Whether one of some questions is answered: a packet may be lost where the host is busy."""
        return any(self.ask() is not None for _ in range(4))

    def page(self, path: str, timeout: float = 10.0) -> Any:
        """JSON from the web page's API; None while it does not answer."""
        url = f"http://127.0.0.1:{self.machine.web_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return json.loads(answer.read())
        except (OSError, ValueError):
            return None

    def status(self) -> dict[str, Any]:
        return self.page("/api/v1/status") or {}

    @property
    def state(self) -> str | None:
        """The state's word as the page shows it."""
        return self.status().get("state")

    # What a bench would measure

    def truth(self) -> Truth:
        if self._truth is None:
            true, monotonic, ppb = map(int, self.machine.hat("truth").split())
            self._truth = Truth(true, monotonic, ppb * 1e-9, self._leap_at_s)
        return self._truth

    def utc_s(self) -> float:
        """True time now."""
        return self.truth().utc_ns(time.monotonic_ns()) / 1e9

    def crosstamp(self, samples: int = 60) -> Stamp:
        """The quickest of `samples` exchanges through shared memory with the guest."""
        self.agent("pids init")  # the agent answers them, and runs from the first order on
        with self.machine.shared.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as memory:
            words = (ctypes.c_uint64 * 8).from_buffer(memory)
            signed = (ctypes.c_int64 * 8).from_buffer(words)
            try:
                return self._exchange(words, signed, samples)
            finally:
                del words, signed

    def _exchange(self, words: Any, signed: Any, samples: int) -> Stamp:
        best: Stamp | None = None
        truth = self.truth()
        for _ in range(samples):
            self._question += 1
            deadline = time.monotonic() + 2
            before = time.monotonic_ns()
            words[0] = self._question
            while words[1] != self._question and time.monotonic() < deadline:
                pass
            after = time.monotonic_ns()
            if words[1] != self._question:
                continue
            true_ns = truth.utc_ns((before + after) // 2)
            stamp = Stamp(signed[2] - true_ns, signed[3] - true_ns, signed[4], after - before)
            if best is None or stamp.round_trip_ns < best.round_trip_ns:
                best = stamp
            time.sleep(0.003)
        assert best is not None, "the guest's agent answers no cross time stamp"
        return best

    def error_ns(self, rounds: int = 9) -> int:
        """Median of the served time's error against true time (ns, positive = ahead)."""
        return int(statistics.median(self.crosstamp(20).served_ns for _ in range(rounds)))

    # What a person does

    def hat(self, order: str) -> None:
        self.machine.hat(order)
        if order.startswith("leap "):
            self._leap_at_s = int(order.split()[1])
        self._truth = None

    def hat_says(self, question: str) -> str:
        return self.machine.hat(question)

    def press(self, button: str) -> None:
        """A finger on a button for a fifth of a second of the guest's time."""
        self.hat(f"button {button} down")
        time.sleep(0.25 * patience.factor)
        self.hat(f"button {button} up")

    def glass(self) -> Glass | None:
        """What lies on the panel's glass; None before the first frame."""
        return read_glass(self.machine.frame)

    def panel_says(self, text: str) -> bool:
        glass = self.glass()
        return glass is not None and glass.says(text)

    # What only a test can do

    def agent(self, order: str, timeout: float = 30.0) -> Any:
        """An order to the program in the guest (see agent.py)."""
        return self._hands(order, timeout * patience.factor)

    def uptime_s(self) -> float | None:
        """Of the guest; None while it cannot be asked."""
        try:
            return float(self._hands("run cat /proc/uptime", 5.0 * patience.factor).split()[0])
        except (OSError, HandsError):
            return None
