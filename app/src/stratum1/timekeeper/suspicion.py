# SPDX-License-Identifier: MIT
"""The watch for forged signals, fed from the stream and from the other servers, and what is done about a suspicion."""

from __future__ import annotations

from collections.abc import Callable

from stratum1.receiver.events import Epoch, Event, Gone, LeapNotice, Suspicion
from stratum1.receiver.spoofing import SpoofingWatch
from stratum1.receiver.utc import quarter_near
from stratum1.tracking.snapshot import Spoofing, SpoofingEvidence

SECOND = 1_000_000_000
ASK_EVERY_NS = 16 * SECOND
LEAP_NEAR_NS = 10 * SECOND
STEP_NS = SECOND // 20
"""A clock is steered by less between two messages."""
UNREAD_NS = 10 * SECOND
"""What was stamped before a step of the clock has been read by so long after it."""

_SAID = {
    SpoofingEvidence.RECEIVER: "the receiver finds the signals forged",
    SpoofingEvidence.TIME_JUMP: "the receiver's time jumped",
    SpoofingEvidence.POSITION_JUMP: "its position jumped",
    SpoofingEvidence.SERVERS: "other time servers disagree",
}


SIGNALS = SpoofingEvidence.RECEIVER | SpoofingEvidence.TIME_JUMP | SpoofingEvidence.POSITION_JUMP


def reasons_to_leave(on_spoofing: str, on_disagreement: str) -> SpoofingEvidence:
    """Which evidence is enough, by the settings receiver.on_spoofing and upstream.on_disagreement."""
    signals = SIGNALS if on_spoofing == "holdover" else SpoofingEvidence.NONE
    servers = SpoofingEvidence.SERVERS if on_disagreement == "holdover" else SpoofingEvidence.NONE
    return signals | servers


class Suspicions:
    """`servers_disagree` is asked now and then; `leave`: on such evidence the signals are not used."""

    def __init__(
        self,
        servers_disagree: Callable[[], bool] = lambda: False,
        leave: SpoofingEvidence = SpoofingEvidence.NONE,
    ) -> None:
        self.leave = leave
        self.spoofing = Spoofing.UNKNOWN
        self.evidence = SpoofingEvidence.NONE
        self._servers_disagree = servers_disagree
        self._watch = SpoofingWatch()
        self._asked_ns: int | None = None
        self._leap_at_ns = 0
        self._offset_ns: int | None = None
        self._stepped_ns: int | None = None
        self._said = SpoofingEvidence.NONE

    @property
    def forbid(self) -> bool:
        """Whether the receiver is not to be listened to now."""
        return self.spoofing is Spoofing.SUSPECTED and bool(self.evidence & self.leave)

    def take(self, event: Event, realtime_minus_monotonic_ns: int, monotonic_ns: int) -> None:
        """What the receiver told."""
        if isinstance(event, Epoch):
            if self._just_stepped(realtime_minus_monotonic_ns, monotonic_ns):
                return
            near = self._leap_at_ns != 0 and abs(event.utc_ns - self._leap_at_ns) < LEAP_NEAR_NS
            near |= abs(event.utc_ns - quarter_near(event.utc_ns)) < LEAP_NEAR_NS
            self._watch.epoch(event, event.arrival_ns - realtime_minus_monotonic_ns, near)
            self.spoofing, self.evidence = self._watch.verdict(monotonic_ns)
        elif isinstance(event, Suspicion):
            self._watch.receiver_says(event.suspected, monotonic_ns)
        elif isinstance(event, LeapNotice) and event.at_ns:
            self._leap_at_ns = event.at_ns
        elif isinstance(event, Gone):
            self._watch.receiver_says(None, monotonic_ns)

    def _just_stepped(self, offset_ns: int, monotonic_ns: int) -> bool:
        """Whether a message may have been stamped by a clock that has been set since: nobody knows when it came."""
        if self._offset_ns is not None and abs(offset_ns - self._offset_ns) > STEP_NS:
            self._stepped_ns = monotonic_ns
        self._offset_ns = offset_ns
        return self._stepped_ns is not None and monotonic_ns - self._stepped_ns < UNREAD_NS

    def look(self, monotonic_ns: int) -> str:
        """To be called about once a second; one line for the log when something is new, else ""."""
        if self._asked_ns is None or monotonic_ns - self._asked_ns >= ASK_EVERY_NS:
            self._asked_ns = monotonic_ns
            self._watch.servers_disagree(self._servers_disagree(), monotonic_ns)
        self.spoofing, self.evidence = self._watch.verdict(monotonic_ns)
        if self.evidence == self._said:
            return ""
        self._said = self.evidence
        if not self.evidence:
            return "the signals have been clean for a while: no suspicion any more"
        why = ", ".join(text for witness, text in _SAID.items() if witness in self.evidence)
        return f"the satellites' signals may be forged: {why}" + ("; they are not used" if self.forbid else "")
