# SPDX-License-Identifier: MIT
"""Boots the appliance with a virtual GPS hat and says where its page, its time and its panel are; Ctrl-C ends it.

Lines typed on standard input are orders to the hat: `antenna off`, `antenna on`, `fix off`, `label 1`, `unplug`,
`plug`, `rate 20000`, `button a down`, `button a up`.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import subprocess
import sys
import time
from pathlib import Path

from appliance import Appliance
from debian import UnreachableError
from guest import PROJECT, find_or_make
from hands import make_key
from machine import QEMU, Machine

NTP_PORT, WEB_PORT, SSH_PORT = 11123, 8080, 2222
NEEDED = (
    QEMU, "qemu-aarch64-static", "aarch64-linux-gnu-gcc", "fdtput", "gcc", "genimage", "mcopy", "mksquashfs", "ssh",
    "ssh-keygen", "swig",
)  # fmt: skip
PRESETS = """version = 1

[panel]
button_a = 1
button_b = 6
"""
"""The lines that the hat's buttons have on this board."""


def build_hat(folder: Path) -> Path:
    """The hat's program below `folder`, compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "hat"
    sources = sorted(map(str, (Path(__file__).parent / "hat").glob("*.c")))
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), *sources, "-lpthread"], check=True)
    return program


def draw(box: Appliance, picture: Path) -> None:
    """The glass as a PNG, four times as large, replaced in one piece."""
    glass = box.glass()
    if glass is not None:
        new = picture.with_suffix(".new.png")
        glass.image.resize((glass.image.width * 4, glass.image.height * 4)).save(new)
        new.replace(picture)


def follow(box: Appliance, picture: Path) -> None:
    """Say each change of state, draw the panel, pass orders on; until interrupted or the machine ends."""
    said = ""
    typed = [sys.stdin]
    while box.machine.alive:
        ready, _, _ = select.select(typed, [], [], 1.0)
        if ready:
            order = sys.stdin.readline()
            if not order:
                typed = []  # nobody is going to type
            if order.strip():
                try:
                    box.hat(order.strip())
                except RuntimeError as error:
                    print(error, flush=True)
        draw(box, picture)
        state = box.state or "starting"
        if state != said:
            print(f"{time.strftime('%H:%M:%S')}  {state}", flush=True)
            said = state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ntp-port", type=int, default=NTP_PORT)
    parser.add_argument("--web-port", type=int, default=WEB_PORT)
    parser.add_argument("--ssh-port", type=int, default=SSH_PORT)
    parser.add_argument("--receiver", choices=("ublox", "nmea"), default="ublox", help="what the hat's receiver speaks")
    wanted = parser.parse_args()
    try:
        guest = find_or_make(PROJECT / "build")
    except UnreachableError as error:
        print(f"emulate: {error}", file=sys.stderr)
        return 1
    folder = PROJECT / "build/emulate"
    machine = Machine(
        guest.kernel, guest.initrd, guest.disk, folder, guest.append, wanted.receiver,
        ntp_port=wanted.ntp_port, web_port=wanted.web_port, ssh_port=wanted.ssh_port,
    )  # fmt: skip
    key = make_key(folder)
    machine.preset("authorized_keys", key.with_suffix(".pub").read_text())
    machine.preset("stratum1.toml", PRESETS)
    picture = folder / "panel.png"
    program = build_hat(folder)
    print(f"""booting; Ctrl-C pulls the plug, what was set is kept on {machine.disk.relative_to(PROJECT)}

  open        http://localhost:{machine.web_port}/
  ask it      build/peers/bin/chrony.chronyd -U -Q -t 5 'server 127.0.0.1 port {machine.ntp_port} iburst'
  go inside   ssh -i {key.relative_to(PROJECT)} -p {machine.ssh_port} root@localhost
  the panel   {picture.relative_to(PROJECT)}
  console     {machine.console.relative_to(PROJECT)}
  the hat     type: antenna off | antenna on | fix off | label 1 | unplug | plug | rate PPB | button a down
""")
    box = Appliance(machine, program, key)
    try:
        box.power_on(watched=False)
        follow(box, picture)
    except KeyboardInterrupt:
        print()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            box.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
