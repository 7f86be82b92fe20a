# SPDX-License-Identifier: MIT
"""Dates that break other clocks: the NTP era of 2036 and the end of 32-bit time in 2038 pass while it is locked."""

from __future__ import annotations

import calendar
import time

import pytest
from appliance import Appliance, wait_until


@pytest.mark.parametrize(
    ("name", "moment"),
    [("era", "2036-02-07T06:28:16"), ("end-of-32-bits", "2038-01-19T03:14:08")],
)
def test_the_moment_passes_while_locked(power_on: object, name: str, moment: str) -> None:
    at = calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%S"))
    lead_s = 75
    offset = at - lead_s - int(time.time())
    clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at - lead_s))
    box: Appliance = power_on(name, clock=clock, true_offset_s=offset, presets="version = 1\n")  # type: ignore[operator]

    def passed() -> bool:
        answer = box.ask()
        return answer is not None and answer.synchronised and answer.transmit_s > at + 5

    wait_until("LOCKED", lambda: box.state() == "LOCKED", 90)
    wait_until("the moment behind us", passed, 120)
    assert box.state() == "LOCKED"
    assert abs(box.error_ns()) < 10_000_000
