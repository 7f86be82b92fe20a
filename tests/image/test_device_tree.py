# SPDX-License-Identifier: MIT
"""Our overlay, compiled by dtc and laid over the trees of real boards."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from image_tree import BOARD, OVERLAY, SCRIPTS, TOP, boot_config, need, run

from stratum1.settings.schema import Settings

BOARDS = {
    "Pi 3B": "bcm2837-rpi-3-b.dtb",
    "Pi 3B+": "bcm2837-rpi-3-b-plus.dtb",
    "Zero 2 W": "bcm2837-rpi-zero-2-w.dtb",
    "Pi 4": "bcm2711-rpi-4-b.dtb",
    "Pi 400": "bcm2711-rpi-400.dtb",
    "CM4": "bcm2711-rpi-cm4-io.dtb",
    "Pi 5": "bcm2712-rpi-5-b.dtb",
}
# Raspberry Pi's own tree of the Pi 5 names the header's controllers as those of every other board; the
# mainline tree, which is the one to be had, has other labels for the same nodes.
LABELS = {"gpio": "rp1_gpio", "i2c1": "rp1_i2c1"}

PULSES = {"pps18": ("/pps@12", 18), "pps4": ("/pps@4", 4), "pps5": ("/pps@5", 5)}
TAKEN = {2: "I2C", 3: "I2C", 14: "UART", 15: "UART"}


def overlay(folder: Path, source: str | None = None) -> Path:
    need("dtc", "fdtget", "fdtput", "fdtoverlay")
    (folder / "stratum1.dts").write_text(source or OVERLAY.read_text(encoding="utf-8"), encoding="utf-8")
    result = run(
        "dtc", "-W", "no-unit_address_vs_reg", "-I", "dts", "-O", "dtb", "-o", folder / "stratum1.dtbo",
        folder / "stratum1.dts",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "dtc warns"
    return folder / "stratum1.dtbo"


def trees() -> Path:
    """The folder of the boards' trees, fetched once from Debian's kernel package."""
    folder = TOP / "build" / "device-trees"
    if not (folder / "complete").exists():
        result = run(SCRIPTS / "image-device-trees.sh", folder)
        if result.returncode:
            pytest.skip(f"no device trees of real boards: {result.stderr.strip().splitlines()[-1]}")
    return folder


def get(tree: Path, node: str, name: str, kind: str = "s") -> str:
    result = run("fdtget", "-t", kind, tree, node, name)
    assert result.returncode == 0, f"{node} {name}: {result.stderr}"
    return result.stdout.strip()


def merged(board: str, dtbo: Path, folder: Path) -> Path:
    tree = folder / "board.dtb"
    shutil.copy(trees() / BOARDS[board], tree)
    if board == "Pi 5":
        for label, mainline in LABELS.items():
            assert (
                run("fdtput", "-t", "s", tree, "/__symbols__", label, get(tree, "/__symbols__", mainline)).returncode
                == 0
            )
    result = run("fdtoverlay", "-i", tree, "-o", folder / "merged.dtb", dtbo)
    assert result.returncode == 0, result.stderr
    return folder / "merged.dtb"


@pytest.mark.parametrize("board", BOARDS)
def test_overlay_lands_on_the_board(board: str, tmp_path: Path) -> None:
    tree = merged(board, overlay(tmp_path), tmp_path)
    gpio, i2c = get(tree, "/__symbols__", "gpio"), get(tree, "/__symbols__", "i2c1")
    phandle = int(get(tree, gpio, "phandle", "u"))
    for node, line in PULSES.values():
        assert get(tree, node, "compatible") == "pps-gpio"
        assert get(tree, node, "gpios", "u").split() == [str(phandle), str(line), "0"]
        pins = f"{gpio}/stratum1-pps{line}-pins"
        assert get(tree, node, "pinctrl-0", "u") == get(tree, pins, "phandle", "u")
        assert get(tree, pins, "brcm,pins", "u") == str(line)
        assert get(tree, pins, "brcm,function", "u") == "0", "a pulse line must be an input"
    assert get(tree, i2c, "status") == "okay"
    assert get(tree, i2c, "clock-frequency", "u") == "400000"


def test_kernel_name_of_a_pulse_tells_its_line(tmp_path: Path) -> None:
    dtbo = overlay(tmp_path)
    for node, line in PULSES.values():
        assert int(node.split("@")[1], 16) == line
        assert get(dtbo, f"/fragment@1/__overlay__{node}", "gpios", "u").split()[1] == str(line)


def test_common_lines_are_on_and_the_rest_is_off(tmp_path: Path) -> None:
    dtbo = overlay(tmp_path)
    status = {node: get(dtbo, f"/fragment@1/__overlay__/{node}", "status") for node in
              ("pps@12", "pps@4", "pps@5", "stratum1-buttons", "stratum1-leds")}  # fmt: skip
    assert status == {
        "pps@12": "okay",
        "pps@4": "okay",
        "pps@5": "disabled",
        "stratum1-buttons": "disabled",
        "stratum1-leds": "disabled",
    }


def parameters(dtbo: Path) -> dict[str, tuple[int, str]]:
    """Phandle and property that each parameter changes."""
    found = {}
    for name in run("fdtget", "-p", dtbo, "/__overrides__").stdout.split():
        raw = bytes.fromhex("".join(f"{int(byte, 16):02x}" for byte in get(dtbo, "/__overrides__", name, "bx").split()))
        found[name] = int.from_bytes(raw[:4], "big"), raw[4:].rstrip(b"\0").decode()
    return found


def nodes(tree: Path, path: str = "/") -> list[str]:
    children = run("fdtget", "-l", tree, path).stdout.split()
    inside = [f"{path.rstrip('/')}/{child}" for child in children]
    return inside + [deeper for child in inside for deeper in nodes(tree, child)]


def test_every_parameter_changes_a_property_that_is_there(tmp_path: Path) -> None:
    dtbo = overlay(tmp_path)
    by_phandle = {}
    for node in nodes(dtbo):
        result = run("fdtget", "-t", "u", dtbo, node, "phandle")
        if result.returncode == 0:
            by_phandle[int(result.stdout)] = node
    assert {"pps18", "pps4", "pps5", "oled", "buttons", "led"} <= parameters(dtbo).keys()
    for name, (phandle, target) in parameters(dtbo).items():
        node = by_phandle[phandle]
        assert target.split(":")[0] in run("fdtget", "-p", dtbo, node).stdout.split(), f"{name}: {node} has no {target}"
        expected = PULSES.get(name)
        assert expected is None or node.endswith(expected[0])


def test_config_txt_sets_only_parameters_that_the_overlay_has(tmp_path: Path) -> None:
    known = parameters(overlay(tmp_path))
    text = (BOARD / "raspberrypi" / "config.txt").read_text(encoding="utf-8")
    after = text.split("dtoverlay=stratum1\n", 1)[1].split("[", 1)[0]
    used = re.findall(r"^#?dtparam=(\w+)=", after, re.MULTILINE)
    assert len(used) >= 6
    assert set(used) <= known.keys()
    on = {line for _, line in boot_config()}
    assert {"dtparam=pps18=on", "dtparam=pps4=on", "dtparam=oled=on"} <= on
    assert "dtparam=pps5=on" not in on


def pins(dtbo: Path) -> dict[str, list[int]]:
    base = "/fragment@0/__overlay__"
    return {
        child.removeprefix("stratum1-").removesuffix("-pins"): [
            int(pin) for pin in get(dtbo, f"{base}/{child}", "brcm,pins", "u").split()
        ]
        for child in run("fdtget", "-l", dtbo, base).stdout.split()
    }


def test_no_pin_is_used_twice_or_belongs_to_the_hat(tmp_path: Path) -> None:
    used = [pin for group in pins(overlay(tmp_path)).values() for pin in group]
    assert len(used) == len(set(used))
    assert not set(used) & TAKEN.keys()


def test_buttons_and_lights_use_the_pins_that_are_set_up_for_them(tmp_path: Path) -> None:
    dtbo = overlay(tmp_path)
    base = "/fragment@1/__overlay__"
    buttons = [
        int(get(dtbo, f"{base}/stratum1-buttons/{name}", "gpios", "u").split()[1]) for name in ("next", "previous")
    ]
    assert sorted(buttons) == sorted(pins(dtbo)["button"])
    panel = Settings().panel
    assert f"gpio={panel.button_a},{panel.button_b}=ip,pu" in {line for _, line in boot_config()}
    assert sorted(buttons) == sorted([panel.button_a, panel.button_b]), "the panel's own buttons are others"
    assert [int(get(dtbo, f"{base}/stratum1-leds/activity", "gpios", "u").split()[1])] == pins(dtbo)["led"]


def test_pin_map_of_the_board_is_the_overlays(tmp_path: Path) -> None:
    text = (BOARD / "raspberrypi" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| GPIO(\d+) \| (\d+) \| ([^|]+) \|", text, re.MULTILINE)
    assert rows
    mapped = {int(gpio): use.strip() for gpio, _, use in rows}
    of_overlay = {pin for group in pins(overlay(tmp_path)).values() for pin in group}
    assert mapped.keys() == of_overlay | TAKEN.keys()
    for name, (_, line) in PULSES.items():
        assert f"`{name}`" in mapped[line]
    # The header's numbering: which of the 40 pins a GPIO line is on.
    header = {2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 18: 12, 22: 15, 23: 16, 24: 18, 5: 29}
    assert {int(gpio): int(pin) for gpio, pin, _ in rows} == header
