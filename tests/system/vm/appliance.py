# SPDX-License-Identifier: MIT
"""The appliance in its virtual machine, as its users meet it: asked, looked at, pulled about."""

from __future__ import annotations

import ctypes
import io
import json
import mmap
import socket
import statistics
import struct
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from machine import Machine
from PIL import Image, ImageChops

from stratum1.panel.fonts import TEXT

Result = TypeVar("Result")
NTP_UNIX_S = 2_208_988_800


@dataclass(frozen=True)
class Answer:
    """The header of an NTP answer (RFC 5905 section 7.3)."""

    leap: int
    stratum: int
    refid: bytes
    root_dispersion_s: float
    transmit_s: float
    """Unix seconds, in the era nearest to the host's date plus `true_offset_s`."""

    @property
    def synchronised(self) -> bool:
        return self.leap != 3 and self.stratum != 0


@dataclass(frozen=True)
class Stamp:
    """A cross time stamp: guest minus true time, ns."""

    kernel_ns: int
    served_ns: int
    bound_ns: int
    round_trip_ns: int


def wait_until(what: str, look: Callable[[], Result | None], seconds: float, every: float = 0.25) -> Result:
    """The first true value that `look` gives; AssertionError naming `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(every)


def contains(frame: Image.Image, word: Image.Image) -> bool:
    """Whether the pixels of `word` are found in `frame`, as they are or inverted."""
    width, height = word.size
    pattern = word.convert("1").tobytes()
    inverted = ImageChops.invert(word.convert("1")).tobytes()
    for y in range(frame.height - height + 1):
        for x in range(frame.width - width + 1):
            part = frame.crop((x, y, x + width, y + height)).tobytes()
            if part in (pattern, inverted):
                return True
    return False


class Appliance:
    def __init__(self, machine: Machine, hat_program: Path, true_offset_s: int = 0) -> None:
        self.machine = machine
        self._hat_program = hat_program
        self.true_offset_s = true_offset_s
        self._agent: socket.socket | None = None
        self._question = int(time.time())

    # What the network sees.

    def ask(self, timeout: float = 1.0) -> Answer | None:
        """One NTPv4 client request through the forwarded port; None without an answer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect(("127.0.0.1", self.machine.ntp_port))
            try:
                client.send(bytes([0x23]) + bytes(39) + struct.pack("!Q", self._question))
                packet = client.recv(512)
            except OSError:
                return None
        leap = packet[0] >> 6
        dispersion = struct.unpack("!I", packet[8:12])[0] / 65536
        transmit = struct.unpack("!Q", packet[40:48])[0] / 2**32
        now = time.time() + self.true_offset_s + NTP_UNIX_S
        transmit += round((now - transmit) / 2**32) * 2**32
        return Answer(leap, packet[1], packet[12:16], dispersion, transmit - NTP_UNIX_S)

    def page(self, path: str, timeout: float = 5.0) -> Any:
        """JSON from the web page's API; None while it does not answer."""
        url = f"http://127.0.0.1:{self.machine.web_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    def state(self) -> str | None:
        """The state's word as the page shows it."""
        status = self.page("/api/v1/status")
        return status["state"] if status else None

    # What a bench would measure.

    def crosstamp(self, samples: int = 60) -> Stamp:
        """The quickest of `samples` exchanges through shared memory with the guest."""
        with self.machine.shared.open("r+b") as file, mmap.mmap(file.fileno(), 4096) as memory:
            words = (ctypes.c_uint64 * 8).from_buffer(memory)
            signed = (ctypes.c_int64 * 8).from_buffer(words)
            try:
                return self._exchange(words, signed, samples)
            finally:
                del words, signed

    def _exchange(self, words: Any, signed: Any, samples: int) -> Stamp:
        best: Stamp | None = None
        for _ in range(samples):
            self._question += 1
            deadline = time.monotonic() + 2
            before = time.time_ns()
            words[0] = self._question
            while words[1] != self._question and time.monotonic() < deadline:
                pass
            after = time.time_ns()
            if words[1] != self._question:
                continue
            true_ns = (before + after) // 2 + self.true_offset_s * 1_000_000_000
            stamp = Stamp(signed[2] - true_ns, signed[3] - true_ns, signed[4], after - before)
            if best is None or stamp.round_trip_ns < best.round_trip_ns:
                best = stamp
            time.sleep(0.003)
        assert best is not None, "the guest's agent answers no cross time stamp"
        return best

    def error_ns(self, rounds: int = 9) -> int:
        """Median of the served time's error against the host (ns, positive = ahead)."""
        return int(statistics.median(self.crosstamp(20).served_ns for _ in range(rounds)))

    # What a person does.

    def hat(self, order: str) -> None:
        self.machine.hat(order)

    def frame(self) -> Image.Image | None:
        """The picture on the panel's glass; None before the first."""
        try:
            return Image.open(io.BytesIO(self.machine.frame.read_bytes())).convert("1")
        except OSError:
            return None

    def panel_shows(self, word: str) -> bool:
        """Whether `word` stands on the glass in the panel's own letters, light on dark or dark on light."""
        frame = self.frame()
        return frame is not None and contains(frame, TEXT.render(word))

    def power_cut(self) -> None:
        """Pull the plug and put it back."""
        self.forget_agent()
        self.machine.power_cut()
        self.machine.start(self._hat_program, true_offset_s=self.true_offset_s)

    # What only a test can do.

    def agent(self, order: str, timeout: float = 10.0) -> Any:
        """An order to the program in the guest (see agent.py)."""
        if self._agent is None:
            self._agent = socket.socket(socket.AF_UNIX)
            self._agent.connect(str(self.machine.sockets / "agent"))
        self._agent.settimeout(timeout)
        self._agent.sendall(order.encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            piece = self._agent.recv(65536)
            if not piece:
                raise RuntimeError("the guest's agent is gone")
            line += piece
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"agent {order!r}: {answer['error']}")
        return answer["ok"]

    def forget_agent(self) -> None:
        if self._agent is not None:
            self._agent.close()
            self._agent = None
