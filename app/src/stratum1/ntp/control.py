# SPDX-License-Identifier: MIT
"""Mode 6, read-only (RFC 9327): what ntpq, ntptrace and monitors ask.

Pure: request in, fragments out.  The workers hand over only what comes from local networks and is within the rate;
whatever would write or configure is refused.  The list of clients takes a nonce, so that nobody can have it sent to
another address.
"""

from __future__ import annotations

import ipaddress
import os
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratum1 import __version__
from stratum1.ntp import peers
from stratum1.ntp.counters import Client, Counters
from stratum1.ntp.peers import lfp, milliseconds
from stratum1.ntp.verdicts import Verdict
from stratum1.timescale import NS_PER_S, iso_utc, parse_iso_utc
from stratum1.tracking import Leap, Snapshot, State

if TYPE_CHECKING:
    from stratum1.upstream import Server

FRAGMENT = 468
"""Most bytes of data in one packet (RFC 9327 section 2)."""
FRAGMENTS = 32
NONCE_S = 16
NONCES = 64
"""Addresses that may be in the middle of reading the client list."""

_HEADER = struct.Struct(">BBHHHHH")
_RESPONSE, _ERROR, _MORE = 0x80, 0x40, 0x20

READ_STATUS, READ_VARIABLES, READ_CLOCK, READ_CLIENTS, READ_NONCE = 1, 2, 4, 10, 12
WRITES = frozenset({3, 5, 6, 8, 9, 11, 31})
"""Write, configure, save, set trap and what asks for a key: never allowed here."""

BAD_PERMISSION, BAD_FORMAT, BAD_OPERATION, BAD_ASSOCIATION, BAD_NAME, BAD_VALUE = 1, 2, 3, 4, 5, 6

PPS, MESSAGES, UPSTREAM = 1, 2, 3
"""The associations: the pulses, the receiver's messages that number them, and from UPSTREAM on the servers asked."""

SELECTED_PPS, SELECTED_CANDIDATE, REJECTED = 7, 4, 0


class RefusedError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class World:
    """What an answer is made of: read afresh for each request."""

    now_ns: int
    """Served UTC."""
    kernel_ns: int
    """CLOCK_REALTIME."""
    serving: bool
    bound_ns: int
    snapshot: Snapshot | None
    counters: Counters | None
    clients: Callable[[], list[Client]]
    kernel: Callable[[], Mapping[str, str]]
    precision: int
    monotonic_ns: int = 0
    """CLOCK_MONOTONIC at `now_ns`."""
    upstream: tuple[Server, ...] = ()


def reach(last_ns: int, accepted: int, now_ns: int) -> int:
    """The last eight 16 s intervals with pulses, newest in bit 0, as one octet."""
    if not last_ns or not accepted:
        return 0
    seen = (1 << min(8, accepted // 16 + 1)) - 1
    return (seen << max(0, (now_ns - last_ns) // (16 * NS_PER_S))) & 0xFF


class Control:
    def __init__(self, read: Callable[[], World]) -> None:
        self._read = read
        self._nonces: dict[str, tuple[int, str]] = {}
        self._requests = 0

    def answer(self, request: bytes, peer: str) -> list[bytes]:
        """The fragments of the answer to `request` from the address `peer`; none for what is no request."""
        if len(request) < _HEADER.size:
            return []
        first, operation, sequence, _, association, offset, count = _HEADER.unpack_from(request)
        if first & 7 != 6 or operation & (_RESPONSE | _ERROR | _MORE) or offset:
            return []
        head = (first & 0x38 | 6, operation & 31, sequence)
        self._requests += 1
        world = self._read()
        status = system_status(world)
        try:
            if count > len(request) - _HEADER.size:
                raise RefusedError(BAD_FORMAT)
            data = request[_HEADER.size : _HEADER.size + count]
            status, payload = self._perform(operation & 31, association, data, peer, world)
        except RefusedError as refusal:
            status = refusal.code << 8
            return [_HEADER.pack(head[0], _RESPONSE | _ERROR | head[1], sequence, status, association, 0, 0)]
        return _fragments(head, status, association, payload)

    def _perform(self, operation: int, association: int, data: bytes, peer: str, world: World) -> tuple[int, bytes]:
        if operation in WRITES:
            raise RefusedError(BAD_PERMISSION)
        if operation == READ_NONCE:
            return system_status(world), f"nonce={self._nonce(peer, world.kernel_ns)}\r\n".encode()
        if operation == READ_CLIENTS:
            return system_status(world), self._clients(_assignments(data), peer, world)
        if operation not in (READ_STATUS, READ_VARIABLES, READ_CLOCK):
            raise RefusedError(BAD_OPERATION)
        if operation == READ_STATUS and association == 0:
            numbers = [PPS, MESSAGES, *range(UPSTREAM, UPSTREAM + len(world.upstream))]
            rows = [(number, association_status(number, world)) for number in numbers]
            return system_status(world), b"".join(struct.pack(">HH", *row) for row in rows)
        if operation == READ_CLOCK:
            if association not in (0, PPS, MESSAGES):
                raise RefusedError(BAD_ASSOCIATION)
            return 0, _list(_select(clock_variables(association or PPS, world), data))
        if association == 0:
            variables = system_variables(world)
            if data:
                variables |= {**world.kernel(), **statistics(world, self._requests)}
            return system_status(world), _list(_select(variables, data))
        if not PPS <= association < UPSTREAM + len(world.upstream):
            raise RefusedError(BAD_ASSOCIATION)
        return association_status(association, world), _list(_select(association_variables(association, world), data))

    def _nonce(self, peer: str, now_ns: int) -> str:
        """A new nonce for `peer`, kept with the time; the oldest of too many is forgotten."""
        self._nonces.pop(peer, None)
        if len(self._nonces) >= NONCES:
            del self._nonces[next(iter(self._nonces))]
        nonce = os.urandom(12).hex()
        self._nonces[peer] = (now_ns, nonce)
        return nonce

    def _clients(self, asked: dict[str, str], peer: str, world: World) -> bytes:
        """The client list, oldest first, in one go: as many of the most recent as fit the fragments asked for."""
        made_ns, nonce = self._nonces.get(peer, (0, ""))
        if not nonce or asked.get("nonce") != nonce or not 0 <= world.kernel_ns - made_ns < NONCE_S * NS_PER_S:
            raise RefusedError(BAD_VALUE)
        try:
            room = FRAGMENT * max(1, min(FRAGMENTS, int(asked.get("frags", FRAGMENTS)))) - 200
            most = int(asked.get("limit", 10_000))
        except ValueError:
            raise RefusedError(BAD_VALUE) from None
        rows: list[Client] = []
        for client in world.clients():
            room -= 150
            if room < 0 or len(rows) >= most:
                break
            rows.append(client)
        items = {"nonce": self._nonce(peer, world.kernel_ns)}
        newest = 0
        for index, client in enumerate(reversed(rows)):
            last = world.now_ns - round(client.last_s * 1e9)
            newest = max(newest, last)
            address = f"[{client.address}]:123" if ":" in client.address else f"{client.address}:123"
            items |= {
                f"addr.{index}": address,
                f"last.{index}": lfp(last),
                f"first.{index}": lfp(world.now_ns - round(client.first_s * 1e9)),
                f"ct.{index}": str(client.requests),
                f"mv.{index}": str(client.version << 3 | client.mode),
                f"rs.{index}": "0x20" if client.dropped else "0x0",
                f"dr.{index}": str(client.dropped),
            }
        items |= {"now": lfp(world.now_ns), "last.newest": lfp(newest or world.now_ns)}
        return _list(items)


def _fragments(head: tuple[int, int, int], status: int, association: int, payload: bytes) -> list[bytes]:
    pieces = [payload[at : at + FRAGMENT] for at in range(0, len(payload), FRAGMENT)] or [b""]
    packets = []
    for number, piece in enumerate(pieces):
        more = _MORE if number < len(pieces) - 1 else 0
        header = _HEADER.pack(
            head[0], _RESPONSE | more | head[1], head[2], status, association, number * FRAGMENT, len(piece)
        )
        packets.append(header + piece + b"\0" * (-len(piece) % 4))
    return packets


def _list(items: Mapping[str, str]) -> bytes:
    return (", ".join(f"{name}={value}" for name, value in items.items()) + "\r\n").encode("ascii", "replace")


def _assignments(data: bytes) -> dict[str, str]:
    pairs = (item.partition("=") for item in data.decode("ascii", "replace").split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _select(variables: Mapping[str, str], data: bytes) -> Mapping[str, str]:
    """Those that the request names, in its order, or all; names that nobody knows are left out unless all are such."""
    names = [name for name in _assignments(data.rstrip(b"\0\r\n")) if name]
    if not names:
        return variables
    found = {name: variables[name] for name in names if name in variables}
    if not found:
        raise RefusedError(BAD_NAME)
    return found


def minutes(ns: int) -> str:
    """A date as ntpd tells those of leap seconds: 201701010000."""
    return re.sub(r"[-T:]", "", iso_utc(ns))[:12]


def half_year_end(ns: int) -> int:
    """The next end of June or December: until then TAI - UTC cannot become another."""
    year, month = int(iso_utc(ns)[:4]), int(iso_utc(ns)[5:7])
    return parse_iso_utc(f"{year}-07-01T00:00:00Z" if month < 7 else f"{year + 1}-01-01T00:00:00Z")


def _leap(world: World) -> int:
    said = world.snapshot
    return 3 if said is None or not world.serving else int(said.leap)


def system_status(world: World) -> int:
    """The system status word: leap, clock source (1 = PPS), no events (RFC 9327 section 3.1)."""
    return _leap(world) << 14 | (1 if world.serving else 0) << 8


def _selection(association: int, world: World) -> int:
    said = world.snapshot
    if said is None or not world.serving or said.state is not State.LOCKED:
        return REJECTED
    return SELECTED_PPS if association == PPS else SELECTED_CANDIDATE


def _reach(association: int, world: World) -> int:
    said = world.snapshot
    if said is None:
        return 0
    if association == PPS:
        return reach(said.last_pulse_ns, said.pulses_accepted, world.kernel_ns)
    return 0xFF if said.fix_mode >= 2 and said.utc_valid else 0


def association_status(association: int, world: World) -> int:
    """The peer status word: configured, reachable, selection (RFC 9327 section 3.2)."""
    if association >= UPSTREAM:
        return peers.status(world.upstream[association - UPSTREAM])
    reachable = 0x10 if _reach(association, world) else 0
    return (0x80 | reachable | _selection(association, world)) << 8


def _refid(raw: bytes) -> str:
    text = raw.rstrip(b"\0")
    if text and text.isalnum():
        return text.decode("ascii")
    return str(ipaddress.IPv4Address(raw)) if any(raw) else "INIT"


def system_variables(world: World) -> dict[str, str]:
    """The variables of association 0; times in ms, frequencies in ppm, as ntpq expects them."""
    said = world.snapshot or Snapshot()
    variables = {
        "version": f'"stratum1 {__version__}"',
        "processor": f'"{os.uname().machine}"',
        "system": f'"{os.uname().sysname}/{os.uname().release}"',
        "leap": f"{_leap(world):02b}",
        "stratum": str(said.stratum if world.serving else 16),
        "precision": str(world.precision),
        "rootdelay": milliseconds(said.root_delay_ns),
        "rootdisp": milliseconds(world.bound_ns) if world.serving else "1000.000000",
        "rootdist": milliseconds(world.bound_ns + said.root_delay_ns / 2) if world.serving else "1000.000000",
        "refid": _refid(said.refid) if world.serving else "INIT",
        "reftime": lfp(said.reference_ns),
        "clock": lfp(world.now_ns),
        "peer": str(PPS if _selection(PPS, world) else 0),
        "tc": "4",
        "mintc": "0",
        "offset": milliseconds(said.offset_ns),
        "frequency": f"{said.frequency * 1e6:.6f}",
        "sys_jitter": milliseconds(said.jitter_ns),
        "clk_jitter": milliseconds(said.jitter_ns),
        "clk_wander": f"{said.bound_rate * 1e6:.6f}",
    }
    if said.tai_offset:
        variables["tai"] = str(said.tai_offset)
        if world.serving and said.utc_valid:
            variables["expire"] = minutes(half_year_end(world.now_ns))
    if said.leap in (Leap.INSERT, Leap.DELETE) and said.leap_at_ns:
        variables["leapsec"] = minutes(said.leap_at_ns)
    return variables


def statistics(world: World, requests: int) -> dict[str, str]:
    """What ntpq's sysinfo and sysstats ask beyond the system variables."""
    counters = world.counters
    if counters is None:
        return {}
    up = max(0, (world.kernel_ns - counters.started_ns) // NS_PER_S)
    received = sum(sum(worker.verdicts) for worker in counters.workers)
    thisver = counters.versions.get(4, 0)
    dropped = counters.dropped
    malformed = (Verdict.SHORT, Verdict.VERSION, Verdict.MODE, Verdict.EXTENSION)
    counted = {
        "ss_uptime": str(up),
        "ss_reset": str(up),
        "ss_numctlreq": str(requests),
        "ss_received": str(received),
        "ss_thisver": str(thisver),
        "ss_oldver": str(sum(counters.versions.values()) - thisver),
        "ss_processed": str(counters.served),
        "ss_badformat": str(sum(dropped.get(reason, 0) for reason in malformed)),
        "ss_badauth": str(dropped.get(Verdict.KEY, 0) + dropped.get(Verdict.DIGEST, 0)),
        "ss_declined": str(dropped.get(Verdict.SILENT, 0) + dropped.get(Verdict.DESTINATION, 0)),
        "ss_restricted": str(dropped.get(Verdict.ACCESS, 0) + dropped.get(Verdict.CONTROL_REFUSED, 0)),
        "ss_limited": str(dropped.get(Verdict.RATE, 0)),
        "ss_kodsent": str(counters.verdict(Verdict.KISS)),
        "ss_ver1": str(counters.versions.get(1, 0)),
    }
    # ntpq also shows what came since a reset of the counters; ours are reset by nothing but a start.
    return {
        "peeradr": "127.127.22.0:123",
        "peermode": "3",
        "authdelay": "0.000000",
        **counted,
        **{f"{name}_r": value for name, value in counted.items()},
    }


def association_variables(association: int, world: World) -> dict[str, str]:
    """The variables of one reference clock; the messages' clock tells its delay after the pulse as its offset."""
    if association >= UPSTREAM:
        return peers.variables(world.upstream[association - UPSTREAM], world.now_ns, world.monotonic_ns)
    said = world.snapshot or Snapshot()
    pulses = association == PPS
    last = said.last_pulse_ns + said.correction_ns if said.last_pulse_ns else 0
    # As of any source: positive when it is ahead of the served clock.  Messages come late.
    offset = -said.offset_ns if pulses else -said.message_delay_ns
    jitter = said.jitter_ns if pulses else 0
    return {
        "srcadr": "127.127.22.0" if pulses else "127.127.20.0",
        "srcport": "123",
        "srchost": '"PPS(0)"' if pulses else '"GPS(0)"',
        "dstadr": "127.0.0.1",
        "dstport": "123",
        "leap": f"{_leap(world):02b}",
        "stratum": "0",
        "precision": str(world.precision),
        "rootdelay": "0.000",
        "rootdisp": "0.000",
        "refid": "PPS" if pulses else "GPS",
        "reftime": lfp(said.reference_ns),
        "rec": lfp(last if pulses or _reach(association, world) else 0),
        "reach": f"0x{_reach(association, world):x}",
        "unreach": "0",
        "hmode": "3",
        "pmode": "4",
        "hpoll": "4",
        "ppoll": "4",
        "headway": "0",
        "flash": "0x0" if _selection(association, world) else "0x400",
        "keyid": "0",
        "offset": milliseconds(offset),
        "delay": "0.000000",
        "dispersion": milliseconds(world.bound_ns) if world.serving else "16000.000000",
        "jitter": milliseconds(jitter),
        # The last eight samples; the discipline keeps a filter of its own, so they are all the present one.
        "filtdelay": " ".join(["0.00"] * 8),
        "filtoffset": " ".join([milliseconds(offset)] * 8),
        "filtdisp": " ".join(["0.00"] * 8),
    }


def clock_variables(association: int, world: World) -> dict[str, str]:
    """The variables of the reference clock's device (RFC 9327 section 3.3)."""
    said = world.snapshot or Snapshot()
    pulses = association == PPS
    device = (said.pulse_device if pulses else said.receiver).replace('"', "'")
    return {
        "device": f'"{device or "none"}"',
        "timecode": '""',
        "poll": str(said.pulses_accepted + said.pulses_rejected if pulses else 0),
        "noreply": "0",
        "badformat": str(said.pulses_rejected if pulses else 0),
        "baddata": "0",
        "fudgetime1": "0.000",
        "stratum": "0",
        "refid": "PPS" if pulses else "GPS",
        "flags": "0",
    }
