# SPDX-License-Identifier: MIT
"""What is asked of a network device so that it answers at once: real ethtool on a real (virtual) device, and a Pi's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from image_tree import ROOTFS, TOP, need

from stratum1.nic import FILTERS, StampError, capabilities, choose

STEADY = ROOTFS / "usr/libexec/stratum1/steady"
INTERRUPTS = """\
           CPU0       CPU1       CPU2       CPU3
 31:      10321          0          0          0     GICv2 189 Level     eth0
 32:      11321          0          0          0     GICv2 190 Level     eth0
 48:        900          0          0          0  pinctrl-bcm2835  18 Edge      pps@12.-1
 50:         12          0          0          0     GICv2 114 Level     mmc0
"""


class Board:
    """A machine with four processors; programs in `tools` write down how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for number in (31, 32, 48, 50):
            (root / f"proc/irq/{number}").mkdir(parents=True)
            self.affinity(number).write_text("0-3\n")
        (root / "proc/interrupts").write_text(INTERRUPTS)
        (root / "sys/class/net").mkdir(parents=True)
        (root / "tools").mkdir()
        self.tool("logger")
        self.tool("nproc", "echo 4")

    def affinity(self, number: int) -> Path:
        return self.root / f"proc/irq/{number}/smp_affinity_list"

    def tool(self, name: str, script: str = "") -> None:
        path = self.root / "tools" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.root}/calls\n{script}\n')
        path.chmod(0o755)

    def device(self, name: str, driver: str, bus: str) -> None:
        device = self.root / f"sys/class/net/{name}/device"
        device.mkdir(parents=True)
        for link, target in (("driver", f"drivers/{driver}"), ("subsystem", f"bus/{bus}")):
            (self.root / "sys" / target).mkdir(parents=True)
            (device / link).symlink_to(self.root / "sys" / target)

    def steady(self, *before: str, device: str = "eth0") -> str:
        script = self.root / "steady"
        text = STEADY.read_text(encoding="utf-8")
        script.write_text(re.sub(r"(?<![\w.$}])/(proc|sys)\b", rf"{self.root}/\1", text))
        path = f"{self.root}/tools:{os.environ['PATH']}:/usr/sbin:/sbin"
        result = subprocess.run(
            [*before, "sh", str(script), device],
            capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, timeout=60,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        return result.stdout

    @property
    def called(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_device_that_can_is_asked_for_everything_and_nothing_is_said(board: Board) -> None:
    board.device("eth0", "bcmgenet", "platform")
    board.tool("ethtool")
    board.tool("stratum1")
    assert board.steady() == ""
    assert "ethtool --set-eee eth0 eee off" in board.called
    assert "stratum1 nic eth0" in board.called
    assert [call for call in board.called if " -C " in call] == [
        "ethtool -C eth0 adaptive-rx off rx-usecs 0 rx-frames 1 tx-usecs 0 tx-frames 1"
    ]


def test_network_and_pulses_are_served_by_different_processors(board: Board) -> None:
    board.device("eth0", "bcmgenet", "platform")
    board.tool("ethtool")
    board.tool("stratum1")
    board.steady()
    found = {number: board.affinity(number).read_text().strip() for number in (31, 32, 48, 50)}
    assert found == {31: "3", 32: "3", 48: "0", 50: "0-3"}


def test_usb_device_moves_its_host_controller(board: Board) -> None:
    board.device("eth0", "smsc95xx", "usb")
    (board.root / "proc/interrupts").write_text(INTERRUPTS.replace("eth0", "dwc_otg"))
    board.tool("ethtool")
    board.tool("stratum1")
    assert board.steady() == ""
    assert board.affinity(31).read_text().strip() == "3"


def test_box_with_one_processor_pins_nothing(board: Board) -> None:
    board.tool("nproc", "echo 1")
    board.tool("ethtool")
    board.tool("stratum1")
    assert board.steady() == ""
    assert board.affinity(48).read_text() == "0-3\n"


def test_what_a_device_lacks_is_said_once_and_nothing_else_comes_of_it(board: Board) -> None:
    """veth has neither interrupt nor energy saving nor a clock; ethtool and the module here are the real ones."""
    need("ethtool", "ip", "unshare")
    board.device("eth0", "veth", "virtual")
    (board.root / "proc/interrupts").write_text(INTERRUPTS.replace("eth0", "mmc1"))
    (board.root / "tools/stratum1").write_text(
        f'#!/bin/sh\nPYTHONPATH={TOP}/app/src exec {sys.executable} -m stratum1 "$@"\n'
    )
    (board.root / "tools/stratum1").chmod(0o755)
    inside = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    made = 'ip link add eth0 type veth peer name other && exec "$@"'
    if subprocess.run([*inside, "sh", "-c", made, "x", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let us make a network namespace")
    said = board.steady(*inside, "sh", "-c", made, "x")
    assert said == (
        "stratum1: eth0: has no low interrupt coalescing, energy saving to switch off, stamps of its own, "
        "an interrupt to move to processor 3\n"
    )
    assert sum(call.startswith("logger") for call in board.called) == 1


def answer(stamping: int, tx_types: int, rx_filters: int) -> bytes:
    """struct ethtool_ts_info (linux/ethtool.h)."""
    words = [0x41, stamping, 0, tx_types, 0, 0, 0, rx_filters, 0, 0, 0]
    return b"".join(word.to_bytes(4, sys.byteorder) for word in words)


@pytest.mark.parametrize(
    ("stamping", "tx_types", "rx_filters", "wanted"),
    [
        (0x5F, 0b11, 1 << 15 | 1 << 1, 15),
        (0x5F, 0b11, 1 << 0 | 1 << 1, 1),
    ],
)
def test_device_with_a_clock_is_asked_for_ntp_or_all(
    stamping: int, tx_types: int, rx_filters: int, wanted: int
) -> None:
    assert choose(*capabilities(answer(stamping, tx_types, rx_filters))) == wanted
    assert wanted in FILTERS


@pytest.mark.parametrize(
    ("stamping", "tx_types", "rx_filters", "why"),
    [
        (0x1A, 0b01, 0b01, "the kernel's are used"),  # software only
        (0x5E, 0b11, 1 << 1, "the kernel's are used"),  # cannot stamp what is sent
        (0x5F, 0b01, 1 << 1, "the kernel's are used"),  # cannot be told to
        (0x5F, 0b11, 1 << 12, "PTP alone"),
    ],
)
def test_device_that_cannot_is_left_alone(stamping: int, tx_types: int, rx_filters: int, why: str) -> None:
    with pytest.raises(StampError, match=why):
        choose(*capabilities(answer(stamping, tx_types, rx_filters)))
