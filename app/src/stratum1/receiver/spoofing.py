# SPDX-License-Identifier: MIT
"""Whether the satellites' signals may be somebody's forgery.  Pure: no clock, no socket.

Each of four witnesses has to repeat itself before it counts, and a suspicion ends only when all of them have been
clean for a while: what was forged once is not believed again at the first good message.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stratum1.receiver.events import Epoch, Place, Stamp
from stratum1.timescale import NS_PER_MS, NS_PER_S
from stratum1.tracking import Spoofing, SpoofingEvidence

CLEAN_NS = 600 * NS_PER_S
"""So long after the last evidence a suspicion ends."""
MOVED_NS = 3600 * NS_PER_S
"""A receiver that stands still at a new place for so long, without other evidence, has been moved."""

_REPEATS = 5
"""Messages in a row; a single odd one is a receiver's hiccup."""
_JUMP_NS = 400 * NS_PER_MS
_ALIKE_NS = 200 * NS_PER_MS
"""Messages that were read late on a busy machine are so by this and that; after a jump they are all alike."""
_LATE_NS = 2500 * NS_PER_MS
"""So late a message may be read on a busy machine, at its start above all."""
_FIRM = 30
"""So many messages in a row that agree were not all read late."""
_WHOLE_NS = 100 * NS_PER_MS
"""A machine is not busy by so nearly a whole second."""
_OTHER_STAMP_NS = 1000 * NS_PER_MS
"""Between the first byte of a burst and the report of its end, and between the bursts of two receivers."""
_DRIFT = 200e-6
"""No crystal makes the receiver's time slide by more against the machine's (s/s), steered as it may be."""
_GAP_NS = 24 * 3600 * NS_PER_S
"""After a longer silence of the receiver the machine's own clock proves nothing."""

_SETTLE = 60
"""So many places make the first mean."""
_SLOW = 3600
"""So many then weigh as much as a new one, so that the mean follows the ionosphere and no thief."""
_LEAST_M = 100.0
_TIMES = 5.0
"""A jump is more than this many times the receiver's own estimate of its error."""
_EARTH_M = 6_371_000.0


@dataclass(frozen=True, slots=True)
class _Run:
    """Messages in a row that agree on how far UTC is from the machine's own count."""

    difference_ns: int
    at_ns: int
    told_by: tuple[str, Stamp]
    count: int


class SpoofingWatch:
    """Feed it what the receiver tells; times are CLOCK_MONOTONIC in ns."""

    def __init__(self) -> None:
        self._last_bad_ns: dict[SpoofingEvidence, int] = {}
        self._evidence = SpoofingEvidence.NONE
        self._opinion: bool | None = None
        self._opinions = 0
        self._disagreeing = False
        self._anchor: _Run | None = None
        self._run: _Run | None = None
        self._home: tuple[float, float] | None = None
        self._places = 0
        self._away = 0
        self._away_at: tuple[float, float] | None = None
        self._away_since_ns = 0

    def receiver_says(self, suspected: bool | None, monotonic_ns: int) -> None:
        """u-blox NAV-STATUS, once an epoch or so."""
        self._opinions = self._opinions + 1 if suspected else 0
        self._opinion = suspected
        if self._opinions >= _REPEATS:
            self._bad(SpoofingEvidence.RECEIVER, monotonic_ns)

    def servers_disagree(self, disagree: bool, monotonic_ns: int) -> None:
        """Whether at least two other servers agree with each other and not with what is served."""
        self._disagreeing = disagree
        if disagree:
            self._bad(SpoofingEvidence.SERVERS, monotonic_ns)

    def epoch(self, epoch: Epoch, arrival_ns: int, leap_near: bool = False) -> None:
        """An epoch and the monotonic time of its arrival; `leap_near`: a leap second explains a second."""
        if epoch.fix_mode < 2 or epoch.utc_valid is False or not epoch.date_plausible:
            # Without a fix a receiver tells what its own clock guesses; before it has the leap seconds, a wrong second.
            return
        self._time(epoch.utc_ns - arrival_ns, arrival_ns, (epoch.device, epoch.stamp), leap_near)
        if epoch.fix_mode == 3 and epoch.place is not None:
            self._place(epoch.place, arrival_ns)

    def verdict(self, monotonic_ns: int) -> tuple[Spoofing, SpoofingEvidence]:
        """What is thought now."""
        if self._opinions >= _REPEATS:
            self._bad(SpoofingEvidence.RECEIVER, monotonic_ns)
        if self._disagreeing:
            self._bad(SpoofingEvidence.SERVERS, monotonic_ns)
        if self._last_bad_ns and monotonic_ns - max(self._last_bad_ns.values()) >= CLEAN_NS:
            self._last_bad_ns.clear()
            self._evidence = SpoofingEvidence.NONE
        if self._evidence:
            return Spoofing.SUSPECTED, self._evidence
        judged = self._opinion is False or self._places >= _SETTLE
        return (Spoofing.NONE if judged else Spoofing.UNKNOWN), SpoofingEvidence.NONE

    def _bad(self, witness: SpoofingEvidence, monotonic_ns: int) -> None:
        self._last_bad_ns[witness] = monotonic_ns
        self._evidence |= witness

    def _time(self, difference_ns: int, now_ns: int, told_by: tuple[str, Stamp], leap_near: bool) -> None:
        """Against the machine's own clock, which nobody in the sky can move."""
        run = self._run
        if run is not None and run.told_by == told_by and abs(difference_ns - run.difference_ns) <= _ALIKE_NS:
            run = _Run(difference_ns, now_ns, told_by, run.count + 1)
        else:
            run = _Run(difference_ns, now_ns, told_by, 1)
        self._run = run
        if run.count < _REPEATS:
            return
        anchor = self._anchor
        if anchor is None or leap_near or not 0 <= now_ns - anchor.at_ns < _GAP_NS:
            self._anchor = run
            return
        slid_ns = difference_ns - anchor.difference_ns
        allowed_ns = _JUMP_NS + round(_DRIFT * (now_ns - anchor.at_ns))
        if anchor.told_by != told_by:
            allowed_ns += _OTHER_STAMP_NS
        if abs(slid_ns) <= allowed_ns:
            self._anchor = _Run(difference_ns, now_ns, told_by, max(anchor.count + 1, run.count))
            return
        if abs(slid_ns) <= _LATE_NS:
            whole = abs((slid_ns + NS_PER_S // 2) % NS_PER_S - NS_PER_S // 2) <= _WHOLE_NS
            if anchor.count < _FIRM:
                self._anchor = run  # it was late itself
                return
            if slid_ns < 0 and not whole and run.count < _FIRM:
                return
        self._bad(SpoofingEvidence.TIME_JUMP, now_ns)
        # From here on the new time is the one to hold it to: should it jump back, that is news too.
        self._anchor = _Run(difference_ns, now_ns, told_by, _FIRM)

    def _place(self, place: Place, now_ns: int) -> None:
        here = (place.latitude_deg, place.longitude_deg)
        if self._home is None:
            self._home = here
        allowed = max(_LEAST_M, _TIMES * place.error_m if place.error_m is not None else 0.0)
        if _metres(self._home, here) <= allowed:
            self._away = 0
            self._places = min(self._places + 1, _SLOW)
            self._home = _between(self._home, here, 1.0 / self._places)
        elif self._places < _SETTLE:
            self._home, self._places = here, 1  # a receiver's first places are far off
        else:
            self._elsewhere(here, allowed, now_ns)

    def _elsewhere(self, here: tuple[float, float], allowed: float, now_ns: int) -> None:
        if self._away == 0 or self._away_at is None or _metres(self._away_at, here) > allowed:
            self._away, self._away_at, self._away_since_ns = 0, here, now_ns
        self._away += 1
        if self._away < _REPEATS:
            return
        others = self._evidence & ~SpoofingEvidence.POSITION_JUMP
        if now_ns - self._away_since_ns >= MOVED_NS and not others:
            self._home, self._places, self._away = here, _SETTLE, 0
            return
        self._bad(SpoofingEvidence.POSITION_JUMP, now_ns)


def _metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two places near each other, or at least not less than it is by more than a third."""
    north = math.radians(a[0] - b[0])
    east = math.radians((a[1] - b[1] + 180.0) % 360.0 - 180.0) * math.cos(math.radians((a[0] + b[0]) / 2))
    return _EARTH_M * math.hypot(north, east)


def _between(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
    east = (b[1] - a[1] + 180.0) % 360.0 - 180.0
    return a[0] + share * (b[0] - a[0]), (a[1] + share * east + 180.0) % 360.0 - 180.0
