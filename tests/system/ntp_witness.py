# SPDX-License-Identifier: MIT
"""Asks an NTP server again and again and writes down every answer: ntp_witness.py PORT PERIOD_S.

One JSON object a line.  It knows nothing of the project: plain RFC 5905, and this machine's clock for truth.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

UNIX = 2_208_988_800
HEADER = struct.Struct("!BBbbII4sQQQQ")


def stamp(ns: int) -> int:
    seconds, fraction = divmod(ns, 1_000_000_000)
    return ((seconds + UNIX) & 0xFFFFFFFF) << 32 | (fraction << 32) // 1_000_000_000


def from_stamp(value: int) -> float:
    """Seconds since 1970, in the era of this machine's clock; good to 0.25 us, which is enough here."""
    return ((value >> 32) - UNIX) % 2**32 + (value & 0xFFFFFFFF) / 2**32


def ask(port: int, host: str, wait_s: float) -> dict[str, object]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(wait_s)
        sock.connect((host, port))
        sent = time.time_ns()
        sock.send(HEADER.pack(0x23, 0, 6, -20, 0, 0, b"", 0, 0, 0, stamp(sent)))
        try:
            data = sock.recv(1024)
        except OSError as error:
            return {"at": sent / 1e9, "host": host, "silence": str(error)}
        came = time.time_ns()
    first, stratum, _, precision, delay, dispersion, refid, reference, origin, received, transmitted = HEADER.unpack(
        data[:48]
    )
    forth, back = from_stamp(received) - sent / 1e9, from_stamp(transmitted) - came / 1e9
    return {
        "at": sent / 1e9,
        "host": host,
        "length": len(data),
        "leap": first >> 6,
        "version": first >> 3 & 7,
        "mode": first & 7,
        "stratum": stratum,
        "precision": precision,
        "root_delay": delay / 65536,
        "root_dispersion": dispersion / 65536,
        "refid": refid.rstrip(b"\0").decode("latin-1"),
        "reference_age": from_stamp(transmitted) - from_stamp(reference) if reference else None,
        "origin_echoed": origin == stamp(sent),
        "offset": (forth + back) / 2,
        "delay": (came - sent) / 1e9 - (from_stamp(transmitted) - from_stamp(received)),
    }


def main() -> None:
    port, period = int(sys.argv[1]), float(sys.argv[2])
    while True:
        for host in ("127.0.0.1", "::1"):
            print(json.dumps(ask(port, host, 1.0)), flush=True)
            time.sleep(period)


if __name__ == "__main__":
    main()
