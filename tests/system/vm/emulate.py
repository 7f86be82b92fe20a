# SPDX-License-Identifier: MIT
"""Boots the appliance with a virtual GPS hat and says where its page, its time and its panel are; Ctrl-C ends it.

Lines typed on standard input are orders to the hat: `antenna off`, `antenna on`, `fix off`, `label 1`, `unplug`,
`plug`, `rate 20000`, `button 0 down`, `button 0 up`.
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
from guest import PROJECT, find_or_make
from machine import Machine

NTP_PORT, WEB_PORT = 11123, 8080


def build_hat(folder: Path) -> Path:
    """The hat's program below `folder`, compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "hat"
    source = Path(__file__).with_name("hat.c")
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", str(program), str(source), "-lpthread"], check=True)
    return program


def draw(box: Appliance, picture: Path) -> None:
    """The glass as a PNG, four times as large, replaced in one piece."""
    frame = box.frame()
    if frame is not None:
        new = picture.with_suffix(".new.png")
        frame.resize((frame.width * 4, frame.height * 4)).save(new)
        new.replace(picture)


def follow(box: Appliance, picture: Path) -> None:
    """Say each change of state, draw the panel, pass orders on; until interrupted or the machine ends."""
    said = ""
    while box.machine.alive:
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready:
            order = sys.stdin.readline()
            if order.strip():
                try:
                    box.hat(order.strip())
                except RuntimeError as error:
                    print(error, flush=True)
        draw(box, picture)
        state = box.state() or "starting"
        if state != said:
            print(f"{time.strftime('%H:%M:%S')}  {state}", flush=True)
            said = state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ntp-port", type=int, default=NTP_PORT)
    parser.add_argument("--web-port", type=int, default=WEB_PORT)
    wanted = parser.parse_args()
    guest = find_or_make(PROJECT / "build")
    folder = PROJECT / "build/emulate"
    machine = Machine(
        guest.kernel, guest.initrd, guest.disk, folder, guest.append, ntp_port=wanted.ntp_port, web_port=wanted.web_port
    )
    picture = folder / "panel.png"
    program = build_hat(folder)
    print(f"""booting; Ctrl-C pulls the plug, what was set is kept on {machine.disk.relative_to(PROJECT)}

  open        http://localhost:{machine.web_port}/
  ask it      build/peers/bin/chrony.chronyd -U -Q -t 5 'server 127.0.0.1 port {machine.ntp_port} iburst'
  the panel   {picture.relative_to(PROJECT)}
  console     {machine.console.relative_to(PROJECT)}
  the hat     type: antenna off | antenna on | fix off | label 1 | unplug | plug | rate PPB
""")
    try:
        machine.start(program)
        follow(Appliance(machine, program), picture)
    except KeyboardInterrupt:
        print()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            machine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
