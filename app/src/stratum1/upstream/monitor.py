# SPDX-License-Identifier: MIT
"""All upstream servers together: asks each when it is due and says what the majority means for our time.

Clock and network are handed in; nothing here waits, turn() does what is due and tells when to come again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from stratum1.upstream.association import Association
from stratum1.upstream.packet import BogusError, nonce, parse, question
from stratum1.upstream.selection import Majority, majority
from stratum1.upstream.status import Tally, Upstream, Verdict

NS = 1_000_000_000
PATIENCE_NS = 3 * NS
"""An answer that takes longer tells too little to be worth waiting for."""
RENEW_NS = 64 * NS
"""The news are written this often even when nothing has happened."""


class Served(NamedTuple):
    """Our own time at one instant."""

    utc_ns: int
    bound_ns: int
    serves: bool
    """Whether we claim it to be right."""
    steps: int
    """Another number means that what was measured before cannot be compared."""


class Clock(Protocol):
    precision: int
    """log2 s."""

    def monotonic_ns(self) -> int: ...

    def kernel_ns(self) -> int: ...

    def served(self, kernel_ns: int) -> Served:
        """What we serve when the kernel clock reads `kernel_ns`, which is now or was a moment ago."""


class Exchange(Protocol):
    """One question on its way, from a port of its own."""

    local: str

    def fileno(self) -> int: ...

    def receive(self) -> tuple[bytes, int] | None:
        """A datagram and the kernel clock when it came; None when none is there; OSError when none will be."""

    def close(self) -> None: ...


class Network(Protocol):
    def look_up(self, name: str) -> None:
        """Begin to find the addresses of `name`; found() tells them."""

    def found(self) -> Sequence[tuple[str, list[str], str]]:
        """(name, addresses, what is wrong) of all that was found out since the last call."""

    def ask(self, address: str, data: bytes) -> tuple[Exchange, int]:
        """Send `data`; the kernel clock right before goes along.  OSError when it cannot be sent."""


class _Open(NamedTuple):
    exchange: Exchange
    stamp: bytes
    sent_ns: int
    """Kernel clock."""
    until_ns: int


class Monitor:
    def __init__(
        self, names: Sequence[str], poll_s: int, clock: Clock, network: Network, tell: Callable[[Upstream], None]
    ) -> None:
        """`tell` gets the news whenever there are some."""
        self._clock = clock
        self._network = network
        self._tell = tell
        now = clock.monotonic_ns()
        self.servers = [Association(name, poll_s, clock.precision, now) for name in names]
        self._open: dict[str, _Open] = {}
        self._looking: set[str] = set()
        self._steps = clock.served(clock.kernel_ns()).steps
        self._told = Upstream(since_ns=now, monotonic_ns=now - RENEW_NS)

    @property
    def exchanges(self) -> list[Exchange]:
        """What an answer may come from."""
        return [one.exchange for one in self._open.values()]

    def turn(self) -> int:
        """Everything that is due; the CLOCK_MONOTONIC at which the next thing will be, if no answer comes before."""
        now = self._clock.monotonic_ns()
        served = self._clock.served(self._clock.kernel_ns())
        stepped = served.steps != self._steps
        if stepped:
            self._steps = served.steps
            for server in self.servers:
                server.forget()
        happened = self._hear_names(now) or stepped
        for server in self.servers:
            happened = self._hear(server, now) or happened
            if server.name not in self._open and now >= server.due_ns and not server.refused:
                happened = self._ask(server, now) or happened
        if happened or served.serves is (self._told.verdict is Verdict.NOT_COMPARED) or now >= self._renewal:
            self._told = self.news(now, served)
            self._tell(self._told)
        return min([self._renewal, *self._times()])

    @property
    def _renewal(self) -> int:
        return self._told.monotonic_ns + RENEW_NS

    def _times(self) -> list[int]:
        waiting = {*self._open, *self._looking}
        due = [s.due_ns for s in self.servers if s.name not in waiting and not s.refused]
        return [*due, *(one.until_ns for one in self._open.values())]

    def close(self) -> None:
        for one in self._open.values():
            one.exchange.close()
        self._open.clear()

    # Names

    def _hear_names(self, now: int) -> bool:
        found = self._network.found()
        for name, addresses, problem in found:
            self._looking.discard(name)
            for server in self.servers:
                if server.name == name:
                    server.resolved(addresses, problem, now)
        return bool(found)

    # Questions and answers

    def _ask(self, server: Association, now: int) -> bool:
        if server.wants_address:
            if server.name not in self._looking:
                self._looking.add(server.name)
                self._network.look_up(server.name)
            return False
        if not server.choose({other.address for other in self.servers if other is not server}, now):
            return True
        stamp = nonce()
        server.asked(now)
        try:
            exchange, sent = self._network.ask(server.address, question(stamp, server.poll_s.bit_length() - 1))
        except OSError as error:
            server.missed(f"cannot be asked: {error.strerror or error}", now)
            return True
        self._open[server.name] = _Open(exchange, stamp, sent, now + PATIENCE_NS)
        return False

    def _hear(self, server: Association, now: int) -> bool:
        one = self._open.get(server.name)
        if one is None:
            return False
        try:
            while came := one.exchange.receive():
                data, received = came
                try:
                    answer = parse(data, one.stamp, received)
                except BogusError:
                    continue
                sent = self._clock.served(one.sent_ns).utc_ns
                back = self._clock.served(received).utc_ns
                server.answered(answer, one.exchange.local, sent, back, now)
                self._end(server)
                return True
        except OSError as error:
            server.missed(f"does not answer: {error.strerror or error}", now)
            self._end(server)
            return True
        if now < one.until_ns:
            return False
        server.missed("does not answer", now)
        self._end(server)
        return True

    def _end(self, server: Association) -> None:
        self._open.pop(server.name).exchange.close()

    # What it means

    def news(self, now: int, served: Served) -> Upstream:
        intervals = {server.name: interval for server in self.servers if (interval := server.interval(now))}
        agreed = majority(list(intervals.values()))
        tallies = {
            name: Tally.CANDIDATE if agreed and agreed.meets(*interval) else Tally.FALSETICKER
            for name, interval in intervals.items()
        }
        verdict = self._verdict(agreed, bool(intervals), served)
        return Upstream(
            verdict=verdict,
            servers=tuple(server.told(tallies.get(server.name, Tally.UNUSABLE), now) for server in self.servers),
            offset_ns=agreed.middle_ns if agreed else None,
            error_ns=agreed.error_ns if agreed else None,
            bound_ns=served.bound_ns,
            majority=agreed.count if agreed else 0,
            since_ns=self._told.since_ns if verdict is self._told.verdict else now,
            monotonic_ns=now,
        )

    def _verdict(self, agreed: Majority | None, usable: bool, served: Served) -> Verdict:
        if not usable:
            return Verdict.UNREACHABLE if all(server.tried for server in self.servers) else Verdict.WAITING
        if not served.serves:
            return Verdict.NOT_COMPARED
        if agreed is None:
            return Verdict.NO_MAJORITY
        return Verdict.AGREES if agreed.meets(-served.bound_ns, served.bound_ns) else Verdict.DISAGREES
