# SPDX-License-Identifier: MIT
"""Mutated packets against the answer path built with AddressSanitizer and UBSan.

    python tests/protocol/fuzz_responder.py [--seconds N] [--seed S]

Builds the compiled modules a second time below build/sanitized, starts itself again inside them, and feeds the decision
with mutations of good and bad packets.  Every answer is held against the rules of the checklist: never longer than the
request, LI=3 exactly with stratum 0, origin and poll echoed, no mode that must not be answered.  A failure prints the
packet and the seed and ends with status 1; a memory error ends with the sanitizer's report.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "sanitized"
MARK = "STRATUM1_SANITIZED"


def build() -> None:
    """Compiles a copy of the sources, so that the checkout's own modules stay as they are."""
    shutil.copytree(
        ROOT / "app",
        BUILD,
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("*.so", "build", "*.egg-info", "__pycache__"),
    )
    for source in (BUILD / "src").rglob("*.pyx"):
        if source.parent.name not in ("ntp", "tracking") and source.stem != "timescale":
            source.unlink()  # the answer path has no need of it
    flags = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=alignment -g -O1"
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=BUILD,
        env={**os.environ, "CFLAGS": flags, "LDFLAGS": "-fsanitize=address,undefined"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the sanitized build failed:\n{done.stdout}{done.stderr}")


def again(arguments: list[str]) -> int:
    """This script inside the sanitized build; the sanitizers' libraries must be there before Python is."""
    found = [
        subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    environment = {
        **os.environ,
        MARK: "1",
        "PYTHONPATH": f"{BUILD / 'src'}:{Path(__file__).parent}",
        "LD_PRELOAD": ":".join(found),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself keeps what it allocated
        "PYTHONMALLOC": "malloc",
    }
    return subprocess.run([sys.executable, __file__, *arguments], env=environment, check=False).returncode


def mutate(chance: random.Random, seeds: list[bytes]) -> bytes:
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 2, 4, 16))):
        kind = chance.randrange(6)
        at = chance.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.choice((1, 4, 16, 20, 24, 28, 600)))
        elif kind == 4:
            data += chance.choice(seeds)[chance.randrange(64) :]
        elif data:
            del data[at % len(data) : at % len(data) + chance.choice((1, 4, 20))]
    return bytes(data[:1600])


def judge(data: bytes, answer: bytes | None) -> str:
    """What is wrong with an answer; empty when it is allowed."""
    if answer is None:
        return ""
    if len(answer) > len(data):
        return "longer than the request"
    mode, version = data[0] & 7, data[0] >> 3 & 7
    if (mode not in (1, 3) and (mode, version) != (0, 1)) or not 1 <= version <= 4:
        return "answered what must not be answered"
    if answer[0] & 7 != (2 if mode == 1 else 4) or answer[0] >> 3 & 7 != version:
        return "wrong mode or version"
    if (answer[0] >> 6 == 3) != (answer[1] == 0):
        return "leap 3 and stratum 0 go together"
    if answer[24:32] not in (data[40:48], data[32:40]) or answer[2] != data[2]:
        return "origin or poll is not echoed"
    return ""


def fuzz(seconds: float, seed: int) -> int:
    from responding import NOW, NS, Server, snapshot, utc
    from wire import Packet, extension

    from stratum1.ntp.auth import Keys
    from stratum1.ntp.control import Control, World
    from stratum1.ntp.keyfile import Key
    from stratum1.tracking import Leap, State

    chance = random.Random(seed)
    keys = Keys([Key(1, "AES128", bytes(16)), Key(2, "SHA1", b"x"), Key(3, "MD5", b"y")])
    good = Packet(transmit=5).pack()
    seeds = [b"", good, Packet(version=3, mode=1).pack(), Packet(version=1, mode=0).pack(), b"\x26\x02" + bytes(10)]
    seeds += [good + keys.mac(number, good) for number in (1, 2, 3)]
    seeds += [good + extension(0x0204, 28), good + extension(1, 16) + extension(2, 600), good + bytes(4)]
    leap = utc(2027, 1, 1)
    servers = [
        Server(keys=keys, crypto_nak=True),
        Server(keys=keys, rate_per_minute=60, rate_burst=8),
        Server(snapshot(state=State.UNSYNCHRONISED), everyone=True),
        Server(snapshot(leap, leap=Leap.INSERT, leap_at_ns=leap), at=leap, smear=(leap, 1)),
    ]
    world = World(NOW, NOW, True, 1, snapshot(), None, list, dict, -20)
    control = Control(lambda: world)
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        for _ in range(1000):
            count += 1
            data = mutate(chance, seeds)
            server = chance.choice(servers)
            server.pass_time(chance.choice((0, 1000, NS, 100 * NS)) if chance.random() < 0.1 else 0)
            source = chance.choice(("10.0.0.1", "8.8.8.8", "::1", "fe80::1", f"10.{chance.randrange(256)}.0.1"))
            outcome = server.ask(data, source, chance.choice((-NS, 0, 1000)))
            problem = judge(data, outcome.data)
            if outcome.data is not None and len(outcome.data) >= 48 and chance.random() < 0.05:
                # An interleaved client: it sends our receive stamp back.
                seeds[1] = good[:24] + outcome.data[32:40] + bytes(8) + good[40:]
            if problem:
                print(f"seed {seed}: {problem}: {data.hex()} -> {outcome}", file=sys.stderr)
                return 1
            control.answer(data, source)
    print(f"{count} packets, seed {seed}: every answer allowed, no memory error")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    if os.environ.get(MARK):
        return fuzz(options.seconds, options.seed)
    build()
    return again(["--seconds", str(options.seconds), "--seed", str(options.seed)])


if __name__ == "__main__":
    sys.exit(main())
