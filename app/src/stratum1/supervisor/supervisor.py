# SPDX-License-Identifier: MIT
"""`stratum1 supervise`: everything that makes the appliance, from one command, until SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from stratum1.paths import Paths
from stratum1.receiver import memory
from stratum1.receiver.status import ReceiverStatus, poll
from stratum1.settings import load
from stratum1.supervisor import accounts
from stratum1.supervisor.boot_chart import BootChart
from stratum1.supervisor.child import HOPELESS_STATUS, Child, State
from stratum1.supervisor.files import write_json
from stratum1.supervisor.log import Log
from stratum1.supervisor.loss import LossWatch
from stratum1.supervisor.network_keeper import NetworkKeeper
from stratum1.supervisor.plans import Plans
from stratum1.supervisor.receiver_watch import PERIOD_S, ReceiverWatch
from stratum1.supervisor.renewal import Renewal
from stratum1.supervisor.watchdog import Watchdog
from stratum1.tracking import TrackingReader

TURN_S = 1.0
END_S = 2.8
"""All children have ended by then, or are killed."""
HUNG_GPSD_S = 3 * PERIOD_S
FIRST_ANSWER_S = 120.0
"""Before gpsd listens, the receiver's speed is looked for and its set-up confirmed, order by order."""
UNFIT_S = 300.0
"""When what the appliance is for has not run for so long, the hardware watchdog may try a restart of the machine."""
ESSENTIAL = ("timekeeper", "responder")
PROOF = (*ESSENTIAL, "web")
"""What a new system must run to be kept: with these it serves, and can be updated again."""


class StartError(Exception):
    """Nothing can be started; the text says in one line why, and what to do."""


class Supervisor:
    def __init__(self, paths: Paths, watchdog: Watchdog | None = None, *, network: bool = False) -> None:
        """`network`: the network of this machine is ours to set up."""
        self.paths = paths
        loaded = load(paths.settings)
        self.plans = Plans(paths, loaded.settings)
        self.log = Log(paths.log)
        self.children = self.plans.children(self.say)
        self._gpsd = self.children[0]
        self._responder = next(child for child in self.children if child.name == "responder")
        self._watch = ReceiverWatch(self._poll_gpsd, paths.receiver_status, self._remember_receiver)
        self._page = TrackingReader(paths.tracking)
        self._loss = LossWatch()
        self.network = NetworkKeeper(paths, self.say) if network else None
        self.watchdog = watchdog
        self._renewal = Renewal.of(paths, self.say)
        self._boot_chart = BootChart.of(paths)
        self._fit_at = time.monotonic()
        self._settings_seen = _look(paths.settings)
        self._keys_seen = _look(self._keys)
        self._settings_problem = ""
        self._tell(loaded.problem)
        self._written: dict[str, Any] = {}
        self._ending = False
        self._reload = False

    def say(self, text: str) -> None:
        say(text)
        self.log.write(text)

    def run(self) -> int:
        """Until SIGTERM or SIGINT; 0."""
        wake = self._take_signals()
        for stale in (
            self.paths.tracking,
            self.paths.receiver_status,
            self.paths.responder_counters,
            self.paths.upstream_status,
            self.paths.order,
            self.paths.network_status,
        ):
            # Of an earlier run, perhaps before a restart of the machine: nobody may take it for ours.
            stale.unlink(missing_ok=True)
        self._watch.start()
        while not self._ending:
            now = time.monotonic()
            for child in self.children:
                child.turn(now)
            self._check_settings()
            self._check_keys()
            self._check_order()
            if self.network is not None:
                self.network.turn(now, self.plans.settings, bool(self._settings_problem))
            self._check_gpsd(now)
            self.feed(now)
            self._renewal.turn(now, all(child.state is State.RUNNING for child in self.children if child.name in PROOF))
            self._boot_chart.turn(child.name for child in self.children if child.alive)
            self._publish()
            self._sleep(wake, min([now + TURN_S, *(child.due() for child in self.children)]))
        self._end(wake)
        return 0

    def _take_signals(self) -> socket.socket:
        """From here on signals set flags and end the sleep."""
        wake, writer = socket.socketpair()
        for end in (wake, writer):
            end.setblocking(False)
        self._wake_writer = writer  # else it would be closed
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_ending", True))
        signal.signal(signal.SIGHUP, lambda *_: setattr(self, "_reload", True))
        return wake

    @staticmethod
    def _sleep(wake: socket.socket, until: float) -> None:
        poller = select.poll()
        poller.register(wake, select.POLLIN)
        if poller.poll(max(0.0, until - time.monotonic()) * 1000):
            with contextlib.suppress(BlockingIOError):
                while wake.recv(4096):
                    pass

    # What is looked after each turn

    def _check_settings(self) -> None:
        seen = _look(self.paths.settings)
        if seen == self._settings_seen and not self._reload:
            return
        self._settings_seen, self._reload = seen, False
        loaded = load(self.paths.settings)
        self._tell(loaded.problem)
        if loaded.settings == self.plans.settings:
            return
        self.plans.settings = loaded.settings
        for child in self.children:
            if child is not self._gpsd:  # which takes its settings as arguments, and SIGHUP for something else
                child.hangup()

    @property
    def _keys(self) -> Path:
        named = self.plans.settings.ntp.keys
        return Path(named) if named else self.paths.ntp_keys

    def _check_keys(self) -> None:
        seen = _look(self._keys)
        if seen != self._keys_seen:
            self._keys_seen = seen
            self._responder.hangup()

    def _check_order(self) -> None:
        """What a person asked for at the buttons or on the page: a word about the network, or a restart of the machine.

        That only init can do, and only our own may.
        """
        try:
            order = self.paths.order.read_text(encoding="utf-8", errors="replace").strip()
            self.paths.order.unlink()
        except OSError:
            return
        if self.network is not None and self.network.order(order):
            return
        if order in ("update", "rollback"):
            self._renewal.order(order)
        elif order != "reboot":
            self.say(f"{self.paths.order}: {order[:40]!r} is no order that is known; want reboot, update or rollback")
        elif os.getppid() != 1 or os.geteuid() != 0:
            self.say("a reboot was asked for, but this is no appliance: init has not started it")
        else:
            self.say("reboot, as asked for")
            os.kill(1, signal.SIGTERM)  # BusyBox init's word for it; sets our own end off

    def _tell(self, problem: str) -> None:
        if problem and problem != self._settings_problem:
            self.say(problem)
        self._settings_problem = problem

    def _poll_gpsd(self) -> ReceiverStatus:
        return poll(self.plans.settings.receiver.gpsd_port)

    def _remember_receiver(self) -> None:
        """Where it was found this time; a full or read-only disk is no reason to stop."""
        found = memory.load(self.paths.receiver_answer)
        if found.found:
            with contextlib.suppress(OSError):
                memory.save(self.paths.receiver_memory, found)

    def _check_gpsd(self, now: float) -> None:
        if self._gpsd.pid is None:
            return
        if self._loss.look(self._receiver_is_heard(), now, self._gpsd.started):
            self._gpsd.restart("no receiver is heard: it is looked for anew", now)
            return
        answered = self._watch.answered or 0.0
        silent = now - max(self._gpsd.started, answered)
        if silent > (HUNG_GPSD_S if answered > self._gpsd.started else FIRST_ANSWER_S):
            self._gpsd.restart(f"did not answer for {silent:.0f} s", now)

    def _receiver_is_heard(self) -> bool:
        if self.plans.settings.timekeeper.labels != "gpsd":
            return True  # nobody listens
        self._page.reopen()
        snapshot = self._page.read()
        return snapshot is None or bool(snapshot.receiver_port)

    def feed(self, now: float) -> None:
        """Only while the appliance does what it is for; a reason that a restart cannot mend is no reason for one."""
        essential = [child for child in self.children if child.name in ESSENTIAL]
        if all(child.state is State.RUNNING or child.hopeless for child in essential):
            self._fit_at = now
        if self.watchdog is not None and now - self._fit_at < UNFIT_S:
            self.watchdog.feed()

    def _publish(self) -> None:
        content = {child.name: child.as_dict() for child in self.children}
        if content != self._written:
            write_json(self.paths.children_status, content)
            self._written = content

    def _end(self, wake: socket.socket) -> None:
        self._watch.stop()
        self._renewal.end()
        now = time.monotonic()
        for child in self.children:
            child.stop(now)
        deadline = now + END_S
        while any(child.pid for child in self.children) and now < deadline:
            now = time.monotonic()
            for child in self.children:
                child.turn(now)
            if any(child.pid for child in self.children):
                self._sleep(wake, min([now + 0.2, deadline]))
        for left in (self.paths.tracking, self.paths.receiver_status, self.paths.children_status):
            left.unlink(missing_ok=True)
        if self.network is not None:
            self.network.close()
        if self.watchdog is not None:
            self.watchdog.close()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _look(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def take_folders(paths: Paths) -> int:
    """Make the run and data folders ours and keep a second supervisor out; the lock's descriptor, to be kept open."""
    account = accounts.account((accounts.OURS,))
    for folder, variable in ((paths.run, "STRATUM1_RUN"), (paths.data, "STRATUM1_DATA")):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if account is not None:
                os.chown(folder, account.uid, account.gid)
        except OSError as error:
            raise StartError(
                f"cannot make the folder {folder}: {error.strerror}; run as root or set {variable}"
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StartError(f"cannot write in {folder}: permission denied; run as root or set {variable}")
    lock = os.open(paths.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 20).decode("ascii", "replace").strip()
        os.close(lock)
        raise StartError(f"stratum1 already runs in {paths.run} (process {owner}); stop that one first") from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="stratum1 supervise", description="Run the appliance until SIGTERM.")
    parser.add_argument(
        "--watchdog",
        type=Path,
        metavar="DEVICE",
        help="hardware watchdog that restarts this machine when the appliance hangs (/dev/watchdog)",
    )
    parser.add_argument(
        "--network", action="store_true", help="set up this machine's network too, as the settings say (root only)"
    )
    options = parser.parse_args(argv)
    paths = Paths.from_environment()
    watchdog = None
    try:
        lock = take_folders(paths)
        if options.watchdog is not None:
            watchdog = _open_watchdog(options.watchdog)
        try:
            return Supervisor(paths, watchdog, network=options.network).run()
        finally:
            os.close(lock)
    except StartError as error:
        say(f"supervise: {error}")
        return HOPELESS_STATUS


def _open_watchdog(device: Path) -> Watchdog | None:
    try:
        return Watchdog(device)
    except OSError as error:
        # The time server is worth more than its watchdog.
        say(f"supervise: no hardware watchdog: {device}: {error.strerror}")
        return None


__all__ = ["Child", "StartError", "Supervisor", "main", "take_folders"]
