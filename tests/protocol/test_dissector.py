# SPDX-License-Identifier: MIT
"""tshark reads our packets as what they are, and finds nothing malformed in them."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from namespace import PEERS
from responding import MONOTONIC, NOW, Server, page_of, snapshot
from wire import Packet

from stratum1.ntp.access import Policy
from stratum1.ntp.announce import Announcer
from stratum1.ntp.auth import Keys
from stratum1.ntp.keyfile import Key


def dissect(folder: Path, packets: list[bytes]) -> list[dict[str, Any]]:
    """The NTP layer of each packet, as tshark's JSON has it."""
    unpacked = PEERS / "tshark.tshark"
    program = str(unpacked) if unpacked.exists() else shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not here; scripts/peers.sh gets it")
    capture = folder / "ntp.pcap"
    with capture.open("wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # raw IP
        for data in packets:
            udp = struct.pack(">HHHH", 123, 50000, 8 + len(data), 0) + data
            head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([10, 0, 0, 1]), bytes(4))
            file.write(struct.pack("=IIII", 0, 0, len(head + udp), len(head + udp)) + head + udp)
    done = subprocess.run([program, "-r", str(capture), "-T", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("tshark does not run here: " + done.stderr.strip().splitlines()[-1])
    layers = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    assert not any("_ws.malformed" in layer for layer in layers)
    return [layer["ntp"] for layer in layers]


def test_what_we_send_is_what_the_dissector_reads(tmp_path: Path) -> None:
    keys = Keys([Key(3, "SHA1", b"secret")])
    asked = Packet(version=3, mode=3).pack()
    announcer = Announcer(Policy(page=page_of(snapshot())), -24)
    unsynchronised = Server()
    unsynchronised.say(None)
    sent = [
        Server().ask(Packet(poll=6).pack()).data,
        unsynchronised.ask(Packet().pack()).data,
        Server(keys=keys).ask(asked + keys.mac(3, asked)).data,
        Server().ask(Packet(version=3, mode=1).pack()).data,
        announcer.packet(kernel_ns=NOW, monotonic_ns=MONOTONIC, poll=6),
    ]
    read = dissect(tmp_path, [data for data in sent if data is not None])
    assert len(read) == 5
    flags = [int(layer["ntp.flags"], 16) for layer in read]
    assert [(value >> 6, value >> 3 & 7, value & 7) for value in flags] == [
        (0, 4, 4),
        (3, 4, 4),
        (0, 3, 4),
        (0, 3, 2),
        (0, 4, 5),
    ]
    assert [int(layer["ntp.stratum"]) for layer in read] == [1, 0, 1, 1, 1]
    assert bytes.fromhex(read[0]["ntp.refid"].replace(":", "")) == b"PPS\0"
    assert bytes.fromhex(read[1]["ntp.refid"].replace(":", "")) == b"INIT"
    assert int(read[0]["ntp.ppoll"]) == 6
    assert read[2]["ntp.keyid"] in ("00:00:00:03", "0x00000003")
    assert "2026" in read[0]["ntp.rec"] and "13:00:00.25" in read[0]["ntp.rec"]
