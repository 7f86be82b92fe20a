# SPDX-License-Identifier: MIT
"""A receiver is called what is printed on it, as far as it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.receiver.naming import receiver_name

F9 = "SW EXT CORE 1.00 (535349),HW 00190000"
M8 = "SW EXT CORE 3.01 (111141),HW 00080000"
M10 = "SW ROM SPG 5.10 (7b202e),HW 000A0000"


@pytest.mark.parametrize(
    ("driver", "subtype", "subtype1", "name"),
    [
        ("u-blox", F9, "ROM BASE 0x3BFC8935,FWVER=TIM 2.25,PROTVER=29.25,MOD=ZED-F9T-20B", "u-blox ZED-F9T"),
        ("u-blox", M8, "ROM BASE 2.01 (75331),FWVER=TIM 1.10,PROTVER=22.00,MOD=NEO-M8T-0", "u-blox NEO-M8T"),
        ("u-blox", M8, "FWVER=TIM 1.10,PROTVER=22.00", "u-blox M8 (timing)"),
        ("u-blox", M10, "FWVER=SPG 5.10,PROTVER=34.10", "u-blox M10"),
        ("u-blox", "SW 7.03 (45969),HW 00040007", "", "u-blox 6"),
        ("u-blox", "", "", "u-blox receiver"),
        ("MTK-3301", "AXN_2.31_3339_13101700,5632,PA6H,1.0", "", "MediaTek MT3339 (PA6H)"),
        ("MTK-3301", "AXN_3.20_3333_13071501-0003", "", "MediaTek MT3333"),
        ("MTK-3301", "AXN_3.20_3333_13071501,0003,QUECTEL-L26,", "", "Quectel L26"),
        ("NMEA0183", "", "", "GPS receiver (NMEA)"),
        ("", "", "", "GPS receiver"),
    ],
)
def test_names(driver: str, subtype: str, subtype1: str, name: str) -> None:
    assert receiver_name(driver, subtype, subtype1) == name


@given(st.text(), st.text(), st.text())
def test_a_name_is_always_short_and_printable(driver: str, subtype: str, subtype1: str) -> None:
    name = receiver_name(driver, subtype, subtype1)
    assert 0 < len(name) <= 60
    assert name.isascii()
    assert name.isprintable()
