# SPDX-License-Identifier: MIT
"""The loop's body: what comes in reaches the discipline, what the discipline says reaches clock and page."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratum1.discipline import Config, Discipline, StoredDrift
from stratum1.pps import Pulse, PulseError
from stratum1.receiver.events import Device, Epoch, Event, Gone, Hardware, LeapNotice, Sky
from stratum1.timekeeper.keeper import SAVE_EVERY_NS, SAVE_FIRST_NS, Timekeeper
from stratum1.timekeeper.pulses import PulseKeeper
from stratum1.tracking import Antenna, Leap, Reason, Snapshot, State
from stratum1.tracking.page import evaluate

SECOND = 1_000_000_000
MS = 1_000_000
DAY = 86_400 * SECOND
START = 1_800_000_000 * SECOND
UPTIME = 5_000 * SECOND


class SimulatedClock:
    """A clock that is `ahead` of true time and does what it is told; true time moves in wait()."""

    def __init__(self, steers: bool = True, ahead_ns: int = 0, found: float = 0.0) -> None:
        self.steers = steers
        self.true = 0
        self.ahead_ns = ahead_ns
        self.rate = found
        self.told: list[tuple[bool, int, int, int, int]] = []
        self.waited: list[tuple[list[int], list[int]]] = []
        self.steps: list[int] = []
        self.rival = False
        self.leaps = 0
        self.ordered = 0
        self.free = 0.0  # frequency error of the crystal
        self.part_ns = 0.0

    def read(self) -> tuple[int, int]:
        return START + self.true + self.ahead_ns, UPTIME + self.true

    def wait(self, readers: Sequence[int], writers: Sequence[int], timeout_ns: int) -> None:
        self.waited.append((list(readers), list(writers)))
        before = START + self.true + self.ahead_ns
        passed = max(timeout_ns, MS)
        self.true += passed
        self.part_ns += passed * (self.free + self.rate)
        whole = round(self.part_ns)
        self.ahead_ns += whole
        self.part_ns -= whole
        # As the kernel: an armed leap second is inserted when its own UTC day ends.
        midnight = -(-before // DAY) * DAY
        if self.told and self.told[-1][3] == 1 and before < midnight <= START + self.true + self.ahead_ns:
            self.ahead_ns -= SECOND
            self.leaps += 1

    def frequency(self) -> float:
        return self.rate

    def adjust(self, frequency: float) -> float:
        self.rate = round(frequency * 1e9) / 1e9  # coarser than any kernel
        return self.rate

    def step(self, step_ns: int) -> None:
        self.steps.append(step_ns)
        self.ahead_ns += step_ns

    def armed(self) -> int:
        return self.ordered or (self.told[-1][3] if self.told else 0)

    def tell(self, synchronised: bool, bound_ns: int, error_ns: int, leap: int = 0, tai_offset: int = 0) -> bool:
        self.told.append((synchronised, bound_ns, error_ns, leap, tai_offset))
        return not self.rival


class Line:
    """Pulses at every true second, stamped by the clock."""

    path = "/dev/pps0"
    captures_clear = False

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.previous: Pulse | None = None
        self.newest: Pulse | None = None
        self.broken = False
        self.latched: Pulse | None = None
        self.silent = False
        self.late_ns = 0

    def latch(self) -> None:
        """A pulse comes now: its stamp is of the clock as it is now."""
        sequence = self.clock.true // SECOND
        self.latched = Pulse(sequence, START + sequence * SECOND + self.clock.ahead_ns, 0, 0)

    def fetch(self) -> Pulse | None:
        if self.broken:
            raise PulseError("/dev/pps0: the device has gone")
        if self.latched is not None:
            self.previous, self.newest, self.latched = self.newest, self.latched, None
            return self.newest
        sequence = self.clock.true // SECOND
        if self.silent or (self.newest is not None and self.newest.assert_sequence == sequence):
            return None
        self.previous = self.newest
        since = self.clock.true - sequence * SECOND
        ahead = self.clock.ahead_ns - round(since * (self.clock.free + self.clock.rate))
        self.newest = Pulse(sequence, START + sequence * SECOND + ahead + self.late_ns, 0, 0)
        self.late_ns = 0
        return self.newest if self.previous else None

    def verify(self) -> None:
        pass

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        pass


class Stream:
    """A receiver's stream that tells what the test puts in."""

    def __init__(self, fd: int | None = None, wants_write: bool = False) -> None:
        self.events: list[Event] = []
        self.fd = fd
        self.wants_write = wants_write
        self.closed = False

    def readers(self) -> list[int]:
        return [] if self.fd is None else [self.fd]

    def writers(self) -> list[int]:
        return self.readers() if self.wants_write else []

    def receive(self, now_ns: int) -> Iterable[Event]:
        events, self.events = self.events, []
        return events

    def close(self) -> None:
        self.closed = True


class Recorder:
    """A discipline that notes how it is called; what it does not override it does for real."""

    def __init__(self, config: Config) -> None:
        self.real = Discipline(config)
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, *arguments, *named.values()))
            return getattr(self.real, name)(*arguments, **named)

        return call

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]


class Bench:
    def __init__(self, *, steers: bool = True, labels: str = "system", ahead_ns: int = 0, **handed_in: Any) -> None:
        self.clock = SimulatedClock(steers, ahead_ns, handed_in.pop("found", 0.0))
        self.line = Line(self.clock)
        self.stream = Stream()
        self.discipline = Recorder(Config(labels=labels, steers=steers))
        self.pages: list[Snapshot] = []
        self.lines: list[str] = []
        self.beats = 0
        pulses = PulseKeeper("/dev/pps0", Path("/none"), Path("/none"), opener=lambda path: self.line)
        self.keeper = Timekeeper(
            self.clock,
            self.discipline,  # type: ignore[arg-type]
            pulses,
            self.stream if labels == "gpsd" else None,
            self,
            say=self.lines.append,
            beat=self._beat,
            precision=-23,
            **handed_in,
        )

    def write(self, snapshot: Snapshot) -> None:
        self.pages.append(snapshot)

    def _beat(self) -> None:
        self.beats += 1

    def run(self, seconds: float) -> None:
        end = self.clock.true + round(seconds * SECOND)
        while self.clock.true < end:
            self.keeper.wait(self.keeper.turn())

    def epoch(self, utc_ns: int, fix_mode: int = 3, **rest: Any) -> Epoch:
        return Epoch(utc_ns, self.clock.read()[0], fix_mode, **rest)


happenings = st.lists(
    st.tuples(
        st.sampled_from(["silence", "spike", "device gone", "stepped", "crystal moves"]),
        st.integers(1, 40),
        st.floats(-1.0, 1.0),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.floats(-50e-6, 50e-6), st.integers(-300, 300), happenings)
def test_whatever_happens_what_is_claimed_covers_the_truth(
    steers: bool, crystal: float, ahead_ms: int, happens: list[tuple[str, int, float]]
) -> None:
    bench = Bench(steers=steers, ahead_ns=ahead_ms * MS)
    bench.clock.free = crystal
    claims = 0

    def run(seconds: int) -> None:
        nonlocal claims
        end = bench.clock.true + seconds * SECOND
        while bench.clock.true < end:
            bench.keeper.wait(bench.keeper.turn())
            served, bound, claimed = evaluate(bench.pages[-1], *bench.clock.read())
            if claimed:
                claims += 1
                assert abs(served - START - bench.clock.true) <= bound, bench.pages[-1]

    run(40)
    assert claims
    for what, seconds, size in happens:
        if what == "silence":
            bench.line.silent = True
        elif what == "spike":
            bench.line.late_ns = round(size * 50 * MS)
        elif what == "device gone":
            bench.line.broken = True
        elif what == "stepped":
            # Labels by the system clock are good for 0.4 s; a step of less than half a millisecond looks like a slew.
            wanted = round(size * 300) * MS
            if abs(wanted - bench.clock.ahead_ns) > MS:
                bench.clock.ahead_ns = wanted
        elif what == "crystal moves":
            bench.clock.free += size * 20e-9
        run(seconds)
        bench.line.silent = bench.line.broken = False
        run(20)


def test_the_first_page_is_there_before_anything_else_happens() -> None:
    bench = Bench()
    assert len(bench.pages) == 1
    page = bench.pages[0]
    assert (page.state, page.reason, page.leap, page.stratum) == (State.ACQUIRING, Reason.STARTING, Leap.UNKNOWN, 0)


def test_the_page_is_written_and_the_supervisor_told_at_least_once_a_second() -> None:
    for broken in (False, True):
        bench = Bench()
        bench.line.broken = broken
        bench.run(30)
        stamps = [page.kernel_ns for page in bench.pages[1:]]
        assert max(b - a for a, b in itertools.pairwise(stamps)) <= SECOND + 50 * MS
        assert bench.beats >= 29


def test_a_pulse_is_on_the_page_a_few_milliseconds_later() -> None:
    bench = Bench()
    bench.run(30)
    for page in bench.pages[-5:]:
        assert page.kernel_ns - page.last_pulse_ns < 5 * MS


def test_it_wakes_about_once_a_second() -> None:
    bench = Bench()
    bench.run(10)
    before = len(bench.clock.waited)
    bench.run(100)
    assert len(bench.clock.waited) - before <= 2 * 100


def test_the_clock_locks_and_what_is_known_goes_to_the_kernel() -> None:
    bench = Bench(ahead_ns=-250 * MS)
    bench.run(40)
    assert bench.pages[-1].state == State.LOCKED
    assert bench.clock.steps
    assert abs(bench.clock.ahead_ns) < 1000
    synchronised, bound, _, leap, _ = bench.clock.told[-1]
    assert synchronised and bound == bench.pages[-1].bound_ns and leap == 0
    assert not bench.clock.told[0][0]


def test_the_discipline_learns_what_the_clock_made_of_its_order() -> None:
    bench = Bench()
    bench.run(20)
    for _, frequency, _, _ in bench.discipline.of("applied"):
        assert round(frequency * 1e9, 6).is_integer()
    assert len(bench.discipline.of("applied")) == len(bench.discipline.of("advance"))


def test_a_pulse_stamped_just_before_a_step_is_not_used_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(ahead_ns=-250 * MS)
    step = bench.clock.step
    latched: set[int] = set()

    def step_late(step_ns: int) -> None:
        bench.clock.true += SECOND
        bench.line.latch()
        assert bench.line.latched is not None
        latched.add(bench.line.latched.assert_ns)
        step(step_ns)

    monkeypatch.setattr(bench.clock, "step", step_late)
    bench.run(40)
    assert bench.clock.steps
    assert latched
    assert not latched & {call[1] for call in bench.discipline.of("edge")}
    assert bench.pages[-1].state == State.LOCKED


def test_it_starts_from_the_rate_in_force_and_the_stored_drift() -> None:
    drift = StoredDrift(-12e-6, 1e-8, None, None, START)
    bench = Bench(found=12e-6, drift=drift)
    kernel, monotonic, steering, handed = bench.discipline.of("begin")[0]
    assert (kernel, monotonic) == (START, UPTIME)
    assert steering == 12e-6
    assert handed is drift


def test_a_clock_left_alone_is_not_touched() -> None:
    bench = Bench(steers=False, ahead_ns=5 * MS)
    bench.run(30)
    assert bench.clock.steps == []
    assert bench.clock.rate == 0.0
    assert bench.discipline.of("applied") == []
    assert abs(bench.pages[-1].correction_ns + 5 * MS) < 1000


def test_messages_reach_the_discipline_once_each() -> None:
    bench = Bench(labels="gpsd")
    first = bench.epoch(START, 2, utc_valid=True)
    bench.stream.events = [first, bench.epoch(START, 3, utc_valid=True), bench.epoch(START, 1, utc_valid=True)]
    bench.keeper.turn()
    told = bench.discipline.of("message")
    assert told == [
        (START, first.arrival_ns, True, True),
        (START, first.arrival_ns, False, True),
    ]


def test_an_implausible_date_labels_nothing_and_is_the_reason() -> None:
    bench = Bench(labels="gpsd")
    bench.stream.events = [bench.epoch(START, date_plausible=False)]
    bench.keeper.turn()
    assert bench.discipline.of("message") == []
    assert bench.discipline.of("messages_lost") == [(Reason.DATE_IMPLAUSIBLE,)]


def test_what_the_receiver_tells_of_itself_is_on_the_page_and_goes_with_it() -> None:
    bench = Bench(labels="gpsd")
    bench.stream.events = [
        Device("u-blox NEO-M8T", "/dev/ttyAMA0"),
        Sky(9, 14),
        Hardware(Antenna.OK),
        bench.epoch(START, 3, utc_valid=True, leap_seconds=18),
    ]
    bench.run(2)
    page = bench.pages[-1]
    assert (page.receiver, page.satellites_used, page.satellites_seen) == ("u-blox NEO-M8T", 9, 14)
    assert (page.antenna, page.fix_mode, page.utc_valid, page.tai_offset) == (Antenna.OK, 3, True, 37)
    assert bench.clock.told[-1][4] == 37

    bench.stream.events = [Gone(Reason.NO_GPSD, "gpsd on port 2947: Connection refused")]
    bench.run(2)
    page = bench.pages[-1]
    assert (page.satellites_used, page.satellites_seen, page.fix_mode) == (0, 0, 0)
    assert (page.antenna, page.utc_valid) == (Antenna.UNKNOWN, False)
    assert page.reason == Reason.NO_GPSD
    assert page.detail == "gpsd on port 2947: Connection refused"
    assert bench.lines == ["gpsd on port 2947: Connection refused"]


def test_who_changes_to_the_system_clock_shows_no_receiver_any_more() -> None:
    bench = Bench(labels="gpsd")
    bench.stream.events = [Device("u-blox NEO-M8T", "/dev/ttyAMA0"), Sky(9, 14), bench.epoch(START)]
    bench.run(2)
    assert bench.pages[-1].receiver
    bench.keeper.listen_to(None)
    bench.run(2)
    page = bench.pages[-1]
    assert (page.receiver, page.satellites_seen, page.fix_mode) == ("", 0, 0)
    assert bench.stream.closed


def test_a_leap_is_announced_once_and_given_to_the_kernel_in_the_last_day_alone() -> None:
    bench = Bench()
    bench.run(20)
    at = START + 30 * 3600 * SECOND
    bench.keeper._take(LeapNotice(Leap.INSERT, at))
    bench.keeper._take(LeapNotice(Leap.INSERT, at))
    assert bench.discipline.of("leap") == [(Leap.INSERT, at, True)]
    bench.run(5)
    assert bench.clock.told[-1][3] == 0
    bench.clock.true = 7 * 3600 * SECOND
    bench.run(60)
    assert bench.pages[-1].state.serves
    assert bench.clock.told[-1][3] == 1


def test_time_is_kept_across_a_leap_second_that_the_kernel_takes() -> None:
    bench = Bench()
    bench.run(600)
    midnight = -(-START // DAY) * DAY
    bench.keeper._take(LeapNotice(Leap.INSERT, midnight))
    bench.clock.true = midnight - START - 120 * SECOND
    bench.run(60)
    assert bench.pages[-1].state.serves
    seen = len(bench.pages)
    bench.run(180)
    assert bench.clock.leaps == 1
    assert {page.state for page in bench.pages[seen:]} == {State.LOCKED}
    # One second behind the count of seconds since the start, which knows no leap.
    assert bench.clock.ahead_ns + bench.pages[-1].correction_ns == pytest.approx(-SECOND, abs=1000)
    assert bench.pages[-1].leap == Leap.NONE
    assert bench.clock.told[-1][3] == 0


def test_a_pulse_device_that_goes_is_said_once_and_is_the_reason() -> None:
    bench = Bench()
    bench.line.broken = True
    bench.run(10)
    assert bench.lines == ["/dev/pps0: the device has gone"]
    assert bench.pages[-1].reason == Reason.NO_PULSE_DEVICE
    assert bench.pages[-1].detail == "/dev/pps0: the device has gone"
    bench.line.broken = False
    bench.run(30)
    assert bench.pages[-1].state == State.LOCKED
    assert bench.lines[1:] == ["pps0: no pulse yet", "pulses are read from pps0"]


def test_a_rival_for_the_kernel_clock_is_told_once_an_hour() -> None:
    bench = Bench()
    bench.run(10)
    assert bench.lines == []
    bench.clock.rival = True
    bench.run(3500)
    assert len(bench.lines) == 1
    assert "another program steers" in bench.lines[0]
    bench.run(200)
    assert len(bench.lines) == 2


def test_what_was_learned_is_saved_within_a_minute_then_every_ten_and_at_the_end() -> None:
    saved: list[StoredDrift] = []
    bench = Bench(save=saved.append)
    bench.run(SAVE_FIRST_NS / SECOND - 10)
    assert saved == []
    bench.run(20)
    assert len(saved) == 1
    bench.run(SAVE_EVERY_NS / SECOND - 60)
    assert len(saved) == 1
    bench.run(120)
    assert len(saved) == 2
    bench.keeper.leave()
    assert len(saved) == 3


def test_a_full_card_does_not_end_the_time() -> None:
    def refuse(drift: StoredDrift) -> None:
        raise OSError(28, "No space left on device")

    bench = Bench(save=refuse)
    bench.run(30)
    bench.keeper.leave()
    assert any("No space left" in line for line in bench.lines)


@pytest.mark.parametrize(("wants_write", "writers"), [(False, []), (True, [7])])
def test_the_stream_is_waited_on_as_it_wants(wants_write: bool, writers: list[int]) -> None:
    bench = Bench(labels="gpsd")
    bench.stream.fd = 7
    bench.stream.wants_write = wants_write
    bench.keeper.wait(SECOND)
    assert bench.clock.waited[-1] == ([7], writers)
    bench.stream.fd = None
    bench.keeper.wait(SECOND)
    assert bench.clock.waited[-1] == ([], [])
