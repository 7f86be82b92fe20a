# SPDX-License-Identifier: MIT
"""One upstream server: when it is asked, what it said, whether it may be counted.  Pure: times are arguments.

A client that behaves (RFC 5905 section 7.4 and 13, RFC 8633): four questions 2 s apart at the start, then one per
poll interval and never more; a server that does not answer is asked ever more rarely, one that asks for rest (RATE)
gets it, one that asks to be left alone (DENY, RSTR) is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from stratum1.upstream.packet import Answer, refid_of, refid_text
from stratum1.upstream.samples import ClockFilter, Sample, measure
from stratum1.upstream.status import Server, Tally

NS = 1_000_000_000
BURST = 4
BURST_NS = 2 * NS
MOST_POLL_S = 1024
MISSES = 3
"""After so many the next address is tried."""
MOST_DISTANCE_NS = 1_500_000_000
"""Who is less certain is no witness (MAXDIST, RFC 5905)."""


class Association:
    """`precision` is our clock's, log2 s."""

    def __init__(self, name: str, poll_s: int, precision: int, now_ns: int) -> None:
        self.name = name
        self.address = ""
        self.due_ns = now_ns
        """CLOCK_MONOTONIC of the next question."""
        self.refused = False
        self.tried = False
        """Whether a question has been answered or given up."""
        self._least_poll_s = self.poll_s = poll_s
        self._precision = precision
        self._seeks = True
        self._addresses: list[str] = []
        self._burst = BURST
        self._misses = 0
        self._reach = 0
        self._samples = ClockFilter()
        self._answer: Answer | None = None
        self._heard_ns: int | None = None
        self._problem = "not asked yet"

    # Which address

    @property
    def wants_address(self) -> bool:
        """Whether the name has to be looked up before anything can be asked."""
        return self._seeks and not self._addresses and not self.refused

    def resolved(self, addresses: Sequence[str], problem: str, now_ns: int) -> None:
        """What the name stands for now; with none, `problem` says why."""
        self._addresses = list(addresses)
        if not addresses:
            self.missed(problem, now_ns)

    def choose(self, taken: Collection[str], now_ns: int) -> bool:
        """Settle on an address that no other server has; False when there is none to ask just now."""
        while self._seeks and self._addresses:
            address = self._addresses.pop(0)
            if address in taken:
                self._problem = f"{address} is asked already under another name"
                continue
            self._seeks = False
            if address != self.address:
                self.address = address
                self._reach = 0
                self._answer = None
                self._samples.clear()
        if self._seeks:
            self.missed(self._problem, now_ns)
        return not self._seeks

    # Question and answer

    def asked(self, now_ns: int) -> None:
        """A question leaves now."""
        self._reach = self._reach << 1 & 0xFF
        self._wait(now_ns)

    def _wait(self, now_ns: int) -> None:
        if self._burst > 1:
            self._burst -= 1
            self.due_ns = now_ns + BURST_NS
            return
        # Up to a sixteenth more, so that many boxes do not ask in step.
        spread = int.from_bytes(os.urandom(2), "big") * self.poll_s * NS >> 20
        self.due_ns = now_ns + self.poll_s * NS + spread

    def missed(self, why: str, now_ns: int) -> None:
        """No answer came in time, or the question could not be sent."""
        self.tried = True
        self._misses += 1
        self._burst = 0
        self._problem = why
        if self._reach == 0:
            self._samples.clear()
            self._answer = None
            if self._misses > 8:
                self.poll_s = min(self.poll_s * 2, MOST_POLL_S)
        if self._misses % MISSES == 0:
            self._seeks = True  # the next address, or the name is looked up anew
        self._wait(now_ns)

    def answered(self, answer: Answer, local: str, sent_ns: int, received_ns: int, now_ns: int) -> None:
        """`local` is our address as the server sees it; `sent_ns` and `received_ns` are times as we serve them."""
        self.tried = True
        if answer.kiss in ("DENY", "RSTR"):
            self._refuse(f"asks to be left alone ({answer.kiss})")
            return
        if answer.kiss == "RATE":
            self._least_poll_s = self.poll_s = min(self.poll_s * 2, MOST_POLL_S)
            self._burst = 0
            self._problem = f"asks for fewer questions (RATE): one in {self.poll_s} s"
            self._wait(now_ns)
            return
        self._misses = 0
        self._reach |= 1
        if self.poll_s > self._least_poll_s:
            self.poll_s = self._least_poll_s
            self._wait(now_ns)
        self._heard_ns = now_ns
        self._answer = answer
        self._problem = ""
        if self.address == local:
            self._refuse("is this box itself")
        elif not answer.synchronised:
            self._problem = "is not synchronised"
            self._samples.clear()
        elif answer.stratum > 1 and answer.refid == refid_of(local):
            self._problem = "takes its time from this box"
            self._samples.clear()
        else:
            self._samples.add(measure(answer, sent_ns, received_ns, self._precision, now_ns))

    def _refuse(self, problem: str) -> None:
        self.refused = True
        self._problem = problem
        self._samples.clear()

    def forget(self) -> None:
        """Our own time was stepped: what was measured by it means nothing any more."""
        self._samples.clear()
        self.tried = False

    # What is known

    def sample(self, now_ns: int) -> Sample | None:
        """What counts, if the server may be counted."""
        return None if self._problem_now(now_ns) else self._samples.best(now_ns)

    def _problem_now(self, now_ns: int) -> str:
        best = self._samples.best(now_ns)
        if best is None:
            return self._problem or "nothing measured since the clock was set"
        if not self._reach:
            return self._problem or "does not answer"
        if self._distance_ns(best, now_ns) > MOST_DISTANCE_NS:
            return f"is too uncertain (±{self._distance_ns(best, now_ns) / 1e9:.1f} s)"
        return ""

    def _distance_ns(self, best: Sample, now_ns: int) -> int:
        return best.distance_ns(now_ns) + self._samples.jitter_ns(best)

    def interval(self, now_ns: int) -> tuple[int, int] | None:
        """Within this true time is ahead of ours, if the server is right; None when it may not be counted."""
        best = self.sample(now_ns)
        if best is None:
            return None
        distance = self._distance_ns(best, now_ns)
        return best.offset_ns - distance, best.offset_ns + distance

    def told(self, tally: Tally, now_ns: int) -> Server:
        """Everything for those who show it."""
        best = self._samples.best(now_ns)
        answer = self._answer
        return Server(
            name=self.name,
            address=self.address,
            tally=tally,
            problem=self._problem_now(now_ns),
            stratum=answer.stratum if answer else 0,
            refid=refid_text(answer) if answer else "",
            leap=answer.leap if answer else 3,
            reach=self._reach,
            poll_s=self.poll_s,
            heard_ns=self._heard_ns,
            offset_ns=best.offset_ns if best else None,
            delay_ns=best.delay_ns if best else None,
            jitter_ns=self._samples.jitter_ns(best) if best else None,
            distance_ns=self._distance_ns(best, now_ns) if best else None,
            root_delay_ns=answer.root_delay_ns if answer else 0,
            root_dispersion_ns=answer.root_dispersion_ns if answer else 0,
        )
