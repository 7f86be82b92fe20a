# SPDX-License-Identifier: MIT
"""The test's hands inside the guest: cross time stamps in shared memory, orders on standard input.

Shared memory is QEMU's ivshmem device, words of 64 bits: [0] question number, [1] answered number,
[2] CLOCK_REALTIME, [3] served time (kernel clock and published correction), [4] error bound,
[5] 1 if served as good, [6] 1 while this program looks.

Orders are lines, each answered by one line of JSON: `kill NAME`, `stop NAME`, `pids NAME`, `run COMMAND`,
`read PATH`, `snapshot`.
NAME is looked for in the processes' command lines.
"""

import ctypes
import glob
import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time

from stratum1.tracking import TrackingReader

SPIN_S = 0.5
IVSHMEM = "0x1110"
PAGE = "/run/stratum1/tracking"


def memory():
    for device in glob.glob("/sys/bus/pci/devices/*"):
        with open(device + "/device", encoding="ascii") as kind:
            if kind.read().strip() == IVSHMEM:
                with open(device + "/enable", "w", encoding="ascii") as enable:
                    enable.write("1")
                return mmap.mmap(os.open(device + "/resource2", os.O_RDWR | os.O_SYNC), 4096)
    raise SystemExit("agent: no shared memory device")


def answer_stamps():
    words = (ctypes.c_uint64 * 8).from_buffer(memory())
    signed = (ctypes.c_int64 * 8).from_buffer(words)
    reader = TrackingReader(PAGE)
    last = words[0]
    while True:
        if words[0] == last:
            time.sleep(0.05)  # asleep until the host begins to ask, then as quick as it can
            continue
        words[6] = 1
        until = time.monotonic() + SPIN_S
        while time.monotonic() < until:
            if words[0] != last:
                last = words[0]
                served = reader.now()
                signed[2] = time.clock_gettime_ns(time.CLOCK_REALTIME)
                if served is not None:
                    signed[3], signed[4] = served[0], served[1]
                    words[5] = int(served[2])
                words[1] = last
        words[6] = 0


def processes(name):
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        try:
            with open(folder + "/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode()
        except OSError:
            continue
        pid = int(folder[6:])
        if name in line and pid != os.getpid():
            found.append(pid)
    return found


def obey(line):
    verb, _, argument = line.partition(" ")
    if verb in ("kill", "stop"):
        pids = processes(argument)
        for pid in pids:
            os.kill(pid, signal.SIGKILL if verb == "kill" else signal.SIGSTOP)
        return pids
    if verb == "pids":
        return processes(argument)
    if verb == "run":
        done = subprocess.run(argument, shell=True, capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr
    if verb == "read":
        with open(argument, encoding="utf-8", errors="replace") as f:
            return f.read(1_000_000)
    if verb == "snapshot":
        snapshot = TrackingReader(PAGE).read()
        return None if snapshot is None else {n: str(getattr(snapshot, n)) for n in snapshot.__slots__}
    return f"unknown order {verb!r}"


threading.Thread(target=answer_stamps, daemon=True).start()
print(json.dumps({"ok": "ready"}), flush=True)
for order in sys.stdin:
    try:
        result = {"ok": obey(order.strip())}
    except (OSError, subprocess.TimeoutExpired) as error:
        result = {"error": str(error)}
    print(json.dumps(result), flush=True)
