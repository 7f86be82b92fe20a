# SPDX-License-Identifier: MIT
"""`stratum1 nic DEVICE`: let a network device stamp packets itself, where it can (linux/net_tstamp.h).

Only root may, so the start script of the network does it before the responder runs. Whoever wants such stamps asks
for them at its own socket; who does not still gets the kernel's.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
SIOCSHWTSTAMP = 0x89B0
ETHTOOL_GET_TS_INFO = 0x41
TX_HARDWARE, RX_HARDWARE = 1 << 0, 1 << 2
"""SOF_TIMESTAMPING_*"""
TX_ON = 1
FILTERS = {15: "of NTP", 1: "all"}
"""HWTSTAMP_FILTER_NTP_ALL is wanted, _ALL as good; the others are for PTP alone."""
IFREQ = struct.Struct("@16sP16x")


class StampError(Exception):
    """What the device cannot do, in one line."""


def capabilities(answer: bytes) -> tuple[int, int, int]:
    """(so_timestamping, tx_types, rx_filters) of struct ethtool_ts_info."""
    _, stamping, _, tx_types, *_ = struct.unpack_from("=IIiI", answer)
    (rx_filters,) = struct.unpack_from("=I", answer, 28)
    return stamping, tx_types, rx_filters


def choose(stamping: int, tx_types: int, rx_filters: int) -> int:
    """The receive filter to ask for; StampError when the device cannot stamp NTP both ways."""
    if not (stamping & TX_HARDWARE and stamping & RX_HARDWARE and tx_types >> TX_ON & 1):
        raise StampError("has no stamps of its own; the kernel's are used")
    for wanted in FILTERS:
        if rx_filters >> wanted & 1:
            return wanted
    raise StampError("stamps packets of PTP alone; the kernel's stamps are used")


def switch_on(device: str) -> str:
    """What is stamped by the device from now on; StampError when nothing."""
    if not 0 < len(device.encode()) < 16:
        raise StampError("no name of a network device")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            filters = choose(
                *capabilities(_ask(any_socket, SIOCETHTOOL, device, struct.pack("=I40x", ETHTOOL_GET_TS_INFO)))
            )
            _ask(any_socket, SIOCSHWTSTAMP, device, struct.pack("=iii", 0, TX_ON, filters))
        except OSError as error:
            raise StampError(f"stamps could not be switched on: {error.strerror}") from None
    return FILTERS[filters]


def _ask(any_socket: socket.socket, request: int, device: str, content: bytes) -> bytes:
    """ioctl(2) with a struct ifreq whose data pointer leads to `content`."""
    buffer = ctypes.create_string_buffer(content, len(content))
    fcntl.ioctl(any_socket, request, IFREQ.pack(device.encode(), ctypes.addressof(buffer)))
    return buffer.raw


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 nic", description="Let a network device stamp packets itself.")
    parser.add_argument("device", help="eth0")
    options = parser.parse_args(argv)
    try:
        print(f"{options.device}: stamps packets itself, {switch_on(options.device)}")
    except StampError as error:
        print(f"{options.device}: {error}", file=sys.stderr)
        return 1
    return 0
