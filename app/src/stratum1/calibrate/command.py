# SPDX-License-Identifier: MIT
"""The command line of the calibration, and the output line of a Raspberry Pi."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from stratum1 import clock
from stratum1.calibrate.latency import CABLE_NS_PER_M, Measured, Pin, constant, measure, percentile
from stratum1.pps import PulseError, PulseSource, open_source

FAILED = 2
FEWEST = 20
"""Of fewer stamps nothing is said."""

WIRING = (
    "Wire the output pin through 1 kohm to the input of a PPS line that nothing else drives: a second one, with its "
    "own overlay (dtoverlay=pps-gpio,gpiopin=5), or the hat's own with the hat taken off. "
    "Never two outputs on one line."
)


class RaspberryPin:
    """A GPIO line as output, by RPi.GPIO or, on a Pi 5, by rpi-lgpio under the same name."""

    def __init__(self, number: int) -> None:
        from RPi import GPIO

        self._gpio: Any = GPIO
        self._number = number
        GPIO.setwarnings(False)
        GPIO.setmode(GPIO.BCM)
        GPIO.setup(number, GPIO.OUT, initial=GPIO.LOW)

    def set(self, high: bool) -> None:
        self._gpio.output(self._number, high)

    def close(self) -> None:
        self._gpio.cleanup(self._number)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="stratum1 calibrate",
        description="Measure how late this machine stamps a pulse, and propose pulse.delay_ns.",
        epilog=WIRING,
    )
    parser.add_argument("--pin", type=int, required=True, metavar="N", help="GPIO number (BCM) of the output")
    parser.add_argument(
        "--pulse", default="/dev/pps1", metavar="DEVICE", help="the PPS line it is looped to (/dev/pps1)"
    )
    parser.add_argument("--count", type=int, default=500, metavar="N", help="edges to make (500)")
    parser.add_argument("--cable", type=float, default=0.0, metavar="M", help="metres of antenna cable (0)")
    options = parser.parse_args(argv)
    if not 0 <= options.pin <= 53:
        parser.error(f"--pin {options.pin}: want a GPIO number, 0 to 53")
    if not FEWEST <= options.count <= 100_000:
        parser.error(f"--count {options.count}: want {FEWEST} to 100000")
    if not 0.0 <= options.cable <= 1000.0:
        parser.error(f"--cable {options.cable}: want 0 to 1000 metres")
    try:
        pin = RaspberryPin(options.pin)
    except ImportError:
        return _fail("no GPIO library: pip install stratum1[pi] on the Raspberry Pi")
    except (OSError, RuntimeError, ValueError) as error:
        return _fail(f"GPIO {options.pin} cannot be an output: {error}")
    try:
        return run(pin, options.pulse, options.count, options.cable)
    finally:
        pin.close()


def _sleep(ns: int) -> None:
    clock.wait([], [], ns)


def run(
    pin: Pin,
    device: str,
    count: int,
    cable_m: float,
    *,
    open_pulses: Callable[[str], PulseSource] = open_source,
    now: Callable[[], int] = time.time_ns,
    sleep: Callable[[int], None] = _sleep,
) -> int:
    """Measure through `pin` and `device` and print what was found; the exit status."""
    try:
        source = open_pulses(device)
    except PulseError as error:
        return _fail(str(error))
    chance = random.Random(count)
    try:
        measured = measure(pin, source, now, sleep, count, chance)
    except PulseError as error:
        return _fail(str(error))
    finally:
        source.close()
    if len(measured.toggles) < FEWEST:
        return _fail(f"{device}: {len(measured.toggles)} of {count} edges were stamped. {WIRING}")
    try:
        print(report(measured, constant(measured.latencies, chance), cable_m))
    except ValueError as error:
        return _fail(str(error))
    return 0


def report(measured: Measured, constant_ns: int, cable_m: float) -> str:
    latencies = measured.latencies
    early, median, late = (percentile(latencies, share) for share in (0.05, 0.5, 0.95))
    cable_ns = round(cable_m * CABLE_NS_PER_M)
    lines = [
        f"edges stamped   {len(latencies)}" + (f", {measured.lost} lost" if measured.lost else ""),
        f"latency         {median} ns median, {early} to {late} ns for 90 %, {latencies[-1]} ns longest",
        f"uncertainty     {measured.uncertainty_ns} ns, half the time that a write of the output takes",
        f"cable           {cable_ns} ns for {cable_m:g} m",
        "",
        f"stratum1 settings set pulse.delay_ns {constant_ns + cable_ns}",
    ]
    return "\n".join(lines)


def _fail(text: str) -> int:
    print(f"stratum1 calibrate: {text}", file=sys.stderr)
    return FAILED
