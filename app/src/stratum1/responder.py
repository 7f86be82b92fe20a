# SPDX-License-Identifier: MIT
"""The responder: answers NTP from the tracking page (see ntp/).

The main thread only watches: signals, the settings, the page's file, the workers' lives, the counters.  The workers are
threads inside compiled code that never wait for it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from stratum1.heartbeat import Heartbeat
from stratum1.ntp.access import Policy
from stratum1.ntp.addresses import AddressWatch, sole_address
from stratum1.ntp.announce import Announcer
from stratum1.ntp.answer import measure_precision
from stratum1.ntp.broadcast import targets
from stratum1.ntp.control import Control, World
from stratum1.ntp.counters import CountersReader
from stratum1.ntp.crew import Crew
from stratum1.ntp.hardware import NicTable
from stratum1.ntp.interfaces import interfaces
from stratum1.ntp.kernel import kernel_variables
from stratum1.ntp.keyfile import KeyFileError
from stratum1.ntp.keyfile import read as read_keys
from stratum1.ntp.listen import IP_PKTINFO, ListenError
from stratum1.ntp.oldtime import Door, OldTime
from stratum1.ntp.phc import HardwareClocks
from stratum1.ntp.smearing import SmearPlan
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.tracking import TrackingReader

if TYPE_CHECKING:
    from stratum1.ntp.auth import Keys
    from stratum1.upstream import Server

LOOK_S = 60.0
"""The machine's addresses are looked at this often even when the kernel told of no change."""
TRACKING_SIZE = 512


def log(text: str) -> None:
    print(f"responder: {text}", file=sys.stderr, flush=True)


class TrackingMap:
    """The tracking page as the workers see it: mapped anew when the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: tuple[int, int] | None = None
        self.page: mmap.mmap | None = None

    def refresh(self) -> bool:
        """Whether there is another page than before; a page that vanished stays in use and ages by its own rules."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            status = os.fstat(fd)
            inode = (status.st_dev, status.st_ino)
            if inode == self._inode or status.st_size != TRACKING_SIZE:
                return False
            self.page = mmap.mmap(fd, TRACKING_SIZE, prot=mmap.PROT_READ)
            self._inode = inode
        finally:
            os.close(fd)
        return True


class Responder:
    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.tracking = TrackingMap(paths.tracking)
        self.tracking.refresh()
        self.reader = TrackingReader(paths.tracking)
        self.precision = measure_precision()
        self.nics = NicTable()
        self.hardware = HardwareClocks(self.nics, paths.dev, paths.sys, log)
        self.addresses = AddressWatch()
        self.on_link: tuple[str, ...] = ()
        self.sole_address = ""
        self.seen: deque[tuple[float, int]] = deque(maxlen=61)
        loaded = load(paths.settings)
        if loaded.problem:
            log(loaded.problem)
        self.ntp = loaded.settings.ntp
        self.keys: Keys | None = None
        self.smear_plan = SmearPlan(paths.smear_plan)
        self.smear: tuple[int, int] | None = None
        self.look_at_leap()
        self.read_keys()
        self.look_at_interfaces()
        # Workers put mode 6 requests into one end; the main thread answers from the other.
        self.asked, self.questions = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.asked.setblocking(False)
        self.control = Control(self.world)
        self.crew = Crew(
            paths.responder_counters,
            self.ntp,
            self.rules(),
            self.precision,
            self.questions.fileno(),
            log,
            self.nics,
            known_port=False,
        )
        self.old_time = OldTime(self.served_now, lambda address: self.crew.rules.allows(address))
        self.announce_at = 0.0
        self.open_doors()

    def rules(self) -> Policy:
        ntp = self.ntp
        return Policy(
            allow=ntp.allow,
            on_link=self.on_link,
            everyone=ntp.everyone,
            rate_per_minute=ntp.rate_per_minute,
            rate_burst=ntp.rate_burst,
            silent_before_first_lock=ntp.silent_before_first_lock,
            interleaved=ntp.interleaved,
            crypto_nak=ntp.crypto_nak,
            control=ntp.control,
            keys=self.keys,
            page=self.tracking.page,
            smear=self.smear,
            sole_address=self.sole_address,
        )

    def world(self) -> World:
        """What mode 6 tells of, read now."""
        snapshot = self.reader.read()
        now = self.reader.now()
        kernel_ns = time.time_ns()
        counters = CountersReader(self.paths.responder_counters)
        return World(
            now_ns=now[0] if now else kernel_ns,
            kernel_ns=kernel_ns,
            serving=bool(now and now[2]),
            bound_ns=now[1] if now else 0,
            snapshot=snapshot,
            counters=counters.read(),
            clients=counters.recent,
            kernel=kernel_variables,
            precision=self.precision,
            monotonic_ns=time.monotonic_ns(),
            upstream=self.upstream(),
        )

    def upstream(self) -> tuple[Server, ...]:
        """The servers asked besides, which nearly nobody has: what reads of them is loaded when there are some."""
        if not self.paths.upstream_status.exists():
            return ()
        from stratum1.upstream import read

        news = read(self.paths)
        return news.servers if news else ()

    def answer_questions(self) -> None:
        """All mode 6 requests that wait, each from the address that was asked."""
        for _ in range(100):
            try:
                note = self.asked.recv(1024)
            except BlockingIOError:
                return
            family = int.from_bytes(note[:2], sys.byteorder)
            seat = next((seat for seat in self.crew.seats if seat.sock.family == family), None)
            if seat is None:
                continue
            port = int.from_bytes(note[2:4], "big")
            peer: tuple[str, int] | tuple[str, int, int, int]
            if family == socket.AF_INET6:
                scope = int.from_bytes(note[24:28], sys.byteorder)
                peer = (socket.inet_ntop(family, note[8:24]), port, 0, scope)
                source = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, note[32:48] + bytes(4))
            else:
                peer = (socket.inet_ntop(family, note[4:8]), port)
                source = (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + note[32:36] + bytes(4))
            for fragment in self.control.answer(note[48:], peer[0]):
                with contextlib.suppress(OSError):
                    seat.sock.sendmsg([fragment], [source], socket.MSG_DONTWAIT, peer)

    def served_now(self) -> int | None:
        """UTC in ns as it is served; None while it is not known."""
        now = self.reader.now()
        return now[0] if now and now[2] else None

    def open_doors(self) -> None:
        ntp = self.ntp
        self.old_time.open(
            time_protocol=ntp.time_protocol, daytime_protocol=ntp.daytime_protocol, families=self.crew.families
        )
        if self.old_time.problem:
            log(self.old_time.problem)

    def announce(self, now: float) -> None:
        """Send one round of broadcast packets when it is due."""
        ntp = self.ntp
        if not ntp.broadcast or now < self.announce_at:
            return
        self.announce_at = now + ntp.broadcast_interval_s
        announcer = Announcer(self.crew.rules, self.precision)
        poll = ntp.broadcast_interval_s.bit_length() - 1
        for target in targets(ntp.broadcast, interfaces(), ntp.port):
            seat = next((seat for seat in self.crew.seats if seat.sock.family == target.family), None)
            if seat is not None:
                seat.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                announcer.send(seat.sock.fileno(), target.address, target.control, poll=poll, key_id=ntp.broadcast_key)

    def read_keys(self) -> None:
        """The keys that the file holds; a file that is wrong leaves those in force that were, and is told of."""
        path = Path(self.ntp.keys) if self.ntp.keys else self.paths.ntp_keys
        self.key_problem = ""
        try:
            keys = read_keys(path, md5=self.ntp.md5)
            if not keys:
                self.keys = None
                return
            # Imported here because libcrypto takes 5 MB that a responder without keys does not need.
            from stratum1.ntp.auth import Keys

            self.keys = Keys(keys)
        except KeyFileError as error:
            self.key_problem = str(error)
            log(self.key_problem)

    def look_at_interfaces(self) -> bool:
        """Whether the networks that this machine is on, or its addresses, are others than before."""
        self.addresses.drain()
        try:
            found = interfaces()
        except OSError:
            return False
        before = self.on_link, self.sole_address
        self.on_link = tuple(sorted({str(item.address.network) for item in found}))
        self.sole_address = sole_address(found)
        self.look_again = time.monotonic() + LOOK_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            self.hardware.look(socket.if_nameindex(), any_socket.fileno())
        return before != (self.on_link, self.sole_address)

    def addresses_changed(self) -> None:
        if self.look_at_interfaces():
            self.crew.use(self.rules())

    def look_at_leap(self) -> bool:
        """Whether another leap second is to be smeared than before."""
        before = self.smear
        self.smear = self.smear_plan.update(self.reader.read(), self.served_now()) if self.ntp.smear else None
        return self.smear != before

    def reload(self) -> None:
        """Take over the settings; sockets change only when port, families, threads or table do."""
        loaded = load(self.paths.settings)
        if loaded.problem:
            log(loaded.problem)
        old, self.ntp = self.ntp, loaded.settings.ntp
        shape = [(n.port, n.ipv4, n.ipv6, n.workers, n.clients) for n in (old, self.ntp)]
        self.read_keys()
        self.announce_at = 0.0
        self.look_at_leap()
        if shape[0] == shape[1]:
            self.crew.use(self.rules())
            self.open_doors()
            return
        try:
            crew = Crew(
                self.paths.responder_counters,
                self.ntp,
                self.rules(),
                self.precision,
                self.questions.fileno(),
                log,
                self.nics,
                known_port=old.port == self.ntp.port and self.ntp.ipv4 <= old.ipv4 and self.ntp.ipv6 <= old.ipv6,
            )
        except ListenError as error:
            log(f"{error}; going on with port {old.port}")
            self.crew.problem = str(error)
            self.ntp = old
            return
        self.seen.clear()
        self.crew, before = crew, self.crew
        before.stop()
        self.open_doors()

    def second(self) -> bool:
        """Once a second: look after page, networks, workers and counters; whether all workers turn."""
        self.hardware.refresh()
        changed = self.tracking.refresh()
        self.reader.reopen()
        if self.addresses.socket is None or time.monotonic() >= self.look_again:
            changed = self.look_at_interfaces() or changed
        if self.look_at_leap() or changed:
            self.crew.use(self.rules())
        self.crew.mend()
        now = time.monotonic()
        self.seen.append((now, self.crew.served()))
        self.crew.page.write(
            replaced=self.crew.replaced,
            rates=(self._rate(10.0), self._rate(60.0) * 60.0),
            port=self.ntp.port,
            families=(socket.AF_INET in self.crew.families, socket.AF_INET6 in self.crew.families),
            precision=self.precision,
            problem=self.crew.problem or self.key_problem or self.old_time.problem,
        )
        self.announce(now)
        return self.crew.turning()

    def _rate(self, window_s: float) -> float:
        """Answers per second over the last `window_s`, or over what there is of it."""
        now, served = self.seen[-1]
        then, before = next((item for item in self.seen if now - item[0] <= window_s + 0.5), self.seen[-1])
        return (served - before) / (now - then) if now > then else 0.0


class Signals:
    """SIGTERM, SIGINT and SIGHUP as something to wait for."""

    def __init__(self) -> None:
        self._read, write = socket.socketpair()
        for end in (self._read, write):
            end.setblocking(False)
        self._write = write
        self.ending = False
        self.reloading = False
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.reloading = True
        else:
            self.ending = True

    def wait(self, also: list[socket.socket | Door], seconds: float) -> list[socket.socket | Door]:
        """Those of `also` that have something; waits for them, for a signal, or until `seconds` are over."""
        ready, _, _ = select.select([self._read, *also], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            self._read.recv(64)
        return [one for one in ready if one is not self._read]


def main(argv: list[str]) -> int:
    """The `stratum1 responder` process; 0 = told to end, 2 = what is wrong was said and will not mend itself."""
    if argv:
        import argparse  # 1 MB, and as a service there is nothing to parse

        parser = argparse.ArgumentParser(
            prog="stratum1 responder", description="Answer NTP from the timekeeper's snapshot."
        )
        parser.parse_args(argv)
    signals = Signals()
    heartbeat = Heartbeat()
    try:
        responder = Responder(Paths.from_environment())
    except ListenError as error:
        log(str(error))
        return 2
    except OSError as error:
        log(f"{error.filename}: {error.strerror}; the responder needs a folder that it may write")
        return 2
    crew = responder.crew
    if crew.problem:
        log(crew.problem)
    names = " and ".join("IPv6" if family == socket.AF_INET6 else "IPv4" for family in crew.families)
    log(
        f"answering on UDP port {responder.ntp.port} ({names}, {len(crew.seats)} threads, "
        f"precision 2^{responder.precision} s)"
    )
    due = time.monotonic()
    while not signals.ending:
        if signals.reloading:
            signals.reloading = False
            responder.reload()
        now = time.monotonic()
        if now >= due:
            if responder.second():
                heartbeat.beat()
            due = max(due + 1.0, now)
        watched = [responder.addresses.socket] if responder.addresses.socket else []
        for ready in signals.wait([responder.asked, *watched, *responder.old_time.doors], due - time.monotonic()):
            if isinstance(ready, Door):
                responder.old_time.serve(ready)
            elif ready is responder.asked:
                responder.answer_questions()
            else:
                responder.addresses_changed()
    responder.crew.stop()
    return 0
