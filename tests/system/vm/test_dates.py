# SPDX-License-Identifier: MIT
"""Moments that break other clocks pass while it is locked: the era of 2036, the end of 32-bit time, a leap second."""

from __future__ import annotations

import calendar
import time
from typing import Any

import pytest
from appliance import SECOND, Appliance
from patience import patience, wait_until

PRESETS = "version = 1\n"
FORM = "%Y-%m-%dT%H:%M:%S"
LOCK_S = 45.0
"""From the antenna to the moment, on a quiet host; plain NMEA is believed after some 30 s."""
LEAP_TELLS_S = 30.0
"""More for the leap second: clients are to hear of it before."""
BOARD_CLOCK_S = 300
"""So much before the moment the board's clock has it at power-on; however slow the start, it is before it still."""
NEAR_NS = 10_000_000


def locked_before(power_on: Any, name: str, moment: str, more_s: float, *orders: str, receiver: str) -> Appliance:
    """A box, locked, shortly before `moment`: started without an antenna, which it gets so long before."""
    at = epoch(moment)
    for tries in (1, 2):
        clock = time.strftime(FORM, time.gmtime(at - BOARD_CLOCK_S))
        box: Appliance = power_on(
            name, "antenna off", *orders, presets=PRESETS, receiver=receiver, clock=clock,
            true_offset_s=at - BOARD_CLOCK_S - int(time.time()),
        )  # fmt: skip
        assert not box.first_answer().synchronised
        lead_s = tries * LOCK_S * min(patience.factor, 2.0) + more_s
        box.hat(f"time {at - round(lead_s) - int(time.time())}")
        box.hat("antenna on")
        wait_until("LOCKED", lambda box=box: box.state == "LOCKED", 60)  # type: ignore[misc]
        if box.utc_s() < at - 3 - more_s / 2:
            return box
    pytest.skip("the host is too slow: the moment had passed before the first lock")


def epoch(moment: str) -> int:
    return calendar.timegm(time.strptime(moment, FORM))


def honest(box: Appliance) -> None:
    """No answer of this box was a lie, and it is still as good as it was."""
    assert box.state == "LOCKED"
    assert abs(box.error_ns()) < NEAR_NS
    assert not box.record.lies(allowance_s=0.005)


def test_a_leap_second_is_announced_and_passes(power_on: Any) -> None:
    moment = "2029-01-01T00:00:00"
    at = epoch(moment)
    box = locked_before(power_on, "leap", moment, LEAP_TELLS_S, f"leap {at}", receiver="ublox")
    wait_until("LI=1 on the wire", lambda: (answer := box.ask()) and answer.leap == 1, 30)
    assert box.status()["leap_at_ns"] == at * SECOND
    wait_until("23:59:57", lambda: box.utc_s() >= at - 3, 600)
    in_it = 0
    repeated_at = time.monotonic() + (at - box.utc_s())
    while (since := time.monotonic() - repeated_at) < 6:
        found = box.examine()
        if found is None:
            continue
        error, round_trip, answer = found
        assert answer.synchronised, f"refused {since:+.1f} s from the leap"
        assert abs(error) < round_trip / 2 + 0.1, f"a wrong second, {error:+.3f} s, {since:+.1f} s from the leap"
        in_it += 0 < since < 1
        time.sleep(0.05)
    assert in_it, "nobody asked in 23:59:60"
    wait_until("LI=0 after the leap", lambda: (answer := box.ask()) and answer.leap == 0, 90)
    assert box.status()["tai_offset_s"] == 38
    honest(box)


@pytest.mark.parametrize(
    ("name", "moment", "receiver"),
    [("era", "2036-02-07T06:28:16", "nmea"), ("end-of-32-bits", "2038-01-19T03:14:08", "ublox")],
)
def test_the_moment_passes_while_locked(power_on: Any, name: str, moment: str, receiver: str) -> None:
    box = locked_before(power_on, name, moment, 0.0, receiver=receiver)
    at = epoch(moment)
    while (now := box.utc_s()) < at + 8:
        answer = box.ask()
        assert answer is None or answer.synchronised, f"refused {now - at:+.1f} s from the moment"
        time.sleep(0.25)
    honest(box)


def test_it_starts_and_locks_beyond_32_bits(power_on: Any) -> None:
    clock = "2038-01-20T12:00:00"
    at = epoch(clock)
    box: Appliance = power_on("beyond", presets=PRESETS, clock=clock, true_offset_s=at - int(time.time()))
    box.first_answer()
    wait_until("LOCKED", lambda: box.state == "LOCKED", 150)
    assert box.utc_s() > at
    honest(box)
