# SPDX-License-Identifier: MIT
"""A person's name for the receiver, from what gpsd's DEVICE report says of it.

`subtype` and `subtype1` hold what the receiver answered when gpsd asked for its version: UBX-MON-VER as
"SW <software>,HW <hardware>" and its extensions "FWVER=..,PROTVER=..,MOD=..", or the words of PMTK705 and PQVERNO.
"""

from __future__ import annotations

import re

UNKNOWN = "GPS receiver"

# Hardware version of UBX-MON-VER, from u-blox's protocol descriptions.
_UBLOX_GENERATIONS = {
    "00040001": "u-blox 4",
    "00040005": "u-blox 5",
    "00040006": "u-blox 6",
    "00040007": "u-blox 6",
    "00070000": "u-blox 7",
    "00080000": "u-blox M8",
    "00190000": "u-blox F9",
    "000A0000": "u-blox M10",
}

# Firmware families of the timing, high-precision and dead-reckoning variants.
_UBLOX_FAMILIES = {
    "TIM": "timing",
    "HPG": "high precision",
    "HPS": "high precision",
    "ADR": "dead reckoning",
}

_DRIVERS = {
    "NMEA0183": UNKNOWN + " (NMEA)",
    "MTK-3301": "MediaTek receiver",
    "CASIC": "CASIC receiver",
    "SiRF": "SiRF receiver",
    "Skytraq": "SkyTraq receiver",
    "ALLYSTAR": "Allystar receiver",
    "Trimble TSIP": "Trimble receiver",
}

# Drivers whose protocol carries the validity of the leap seconds and whose gpsd driver passes it on.
_LEAP_DRIVERS = frozenset(
    {
        "u-blox",
        "Skytraq",
        "Trimble TSIP",
        "SiRF",
        "Garmin Serial binary",
        "Garmin USB binary",
    }
)


def receiver_name(driver: str, subtype: str = "", subtype1: str = "") -> str:
    """One short name, at most 60 printable ASCII characters; never empty."""
    words = _clean(f"{subtype},{subtype1}")
    if driver == "u-blox" or re.search(r"\bPROTVER[= ]|\bHW 00", words):
        name = _ublox(words)
    elif model := re.search(r"\bquectel[-_ ]?([a-z]{1,3}\d+[a-z0-9-]*)", words, re.IGNORECASE):
        name = f"Quectel {model[1].upper()}"
    elif driver == "MTK-3301" or "AXN_" in words:
        name = _mediatek(words)
    else:
        name = _DRIVERS.get(driver) or _clean(driver).strip() or UNKNOWN
    return name[:60]


def tells_leap_seconds(driver: str) -> bool:
    """Whether gpsd's stream says that the leap seconds are known, for receivers that this driver reads."""
    return driver in _LEAP_DRIVERS


def _ublox(words: str) -> str:
    if module := re.search(r"\bMOD=([A-Z0-9]+-[A-Z0-9]+)", words):
        return f"u-blox {module[1]}"
    hardware = re.search(r"\bHW ([0-9A-F]{8})", words)
    generation = _UBLOX_GENERATIONS.get(hardware[1] if hardware else "", "u-blox receiver")
    family = re.search(r"\bFWVER=([A-Z]{3})", words)
    suffix = _UBLOX_FAMILIES.get(family[1] if family else "")
    return f"{generation} ({suffix})" if suffix else generation


def _mediatek(words: str) -> str:
    # AXN_2.31_3339_13101700,5632,PA6H,1.0: release with the chip's number, build, model, SDK.
    chip = re.search(r"_(33\d\d)_", words)
    model = re.search(r"\b(PA\d[A-Z]\w*|FGPMMOPA\w+|L\d\d\w*)\b", words)
    name = f"MediaTek MT{chip[1]}" if chip else "MediaTek receiver"
    return f"{name} ({model[1]})" if model else name


def _clean(text: str) -> str:
    """What came over a serial line may hold anything; only printable ASCII may reach a person's screen."""
    return "".join(c for c in text[:512] if " " <= c <= "~")
