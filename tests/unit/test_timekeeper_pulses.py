# SPDX-License-Identifier: MIT
"""A source of pulses is found, kept, looked at in time and found anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stratum1.pps import Edge, Pulse, PulseError
from stratum1.timekeeper.pulses import LOOK_AFTER_DUE_NS, PulseKeeper

SECOND = 1_000_000_000
MS = 1_000_000
START = 1_800_000_000 * SECOND


class Line:
    """A pulse line in simulated time: `period` ns between pulses, the first `phase` ns after the start."""

    captures_clear = False

    def __init__(self, world: World, path: str, period: int = SECOND, phase: int = 300 * MS, width: int = 0) -> None:
        self.world = world
        self.path = path
        self.period = period
        self.phase = phase
        self.width = width
        self.previous: Pulse | None = None
        self.newest: Pulse | None = None
        self.closed = False
        self.silent = False
        self.looks = 0
        self.gone = ""
        self.other_device = False

    def fetch(self) -> Pulse | None:
        self.looks += 1
        if self.gone:
            raise PulseError(self.gone)
        if self.silent:
            return None
        since = self.world.now - self.phase
        sequence = since // self.period + 1 if since >= 0 and self.period else 0
        stamp = START + self.phase + (sequence - 1) * self.period
        fallen = sequence if since - (sequence - 1) * self.period >= self.width else sequence - 1
        clear = (fallen, START + self.phase + (fallen - 1) * self.period + self.width) if self.width else (0, 0)
        pulse = Pulse(sequence, stamp, *clear)
        if pulse == self.newest:
            return None
        self.previous, self.newest = self.newest, pulse
        return None if self.previous is None else pulse

    def verify(self) -> None:
        if self.other_device:
            raise PulseError(f"{self.path}: the device has gone")

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.closed = True


class World:
    def __init__(self, folder: Path) -> None:
        self.now = 0
        self.folder = folder
        self.lines: dict[str, Line] = {}
        self.opened: list[Line] = []

    def line(self, name: str, **how: int) -> None:
        (self.folder / name).touch()
        self.lines[name] = Line(self, str(self.folder / name), **how)

    def open(self, path: str) -> Line:
        line = self.lines.get(Path(path).name)
        if line is None:
            raise PulseError(f"{path}: no such device")
        fresh = Line(self, line.path, line.period, line.phase, line.width)
        fresh.gone = line.gone
        self.opened.append(fresh)
        return fresh

    def keeper(self, device: str = "auto", by_clear: bool = False) -> PulseKeeper:
        return PulseKeeper(device, self.folder, self.folder, by_clear=by_clear, opener=self.open)

    def run(self, keeper: PulseKeeper, seconds: float, until: Callable[[], bool] = lambda: False) -> list[Edge]:
        """Turn as the loop does: at each wake-up, and at least once a second."""
        edges: list[Edge] = []
        end = self.now + round(seconds * SECOND)
        while self.now < end and not until():
            edges += keeper.take(START + self.now, self.now)
            self.now = max(self.now + MS, min(keeper.wake_ns, self.now + SECOND))
        return edges


def test_every_pulse_is_taken_with_one_look_each(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper(str(tmp_path / "pps0"))
    world.run(keeper, 5)
    line = world.opened[0]
    before = line.looks
    edges = world.run(keeper, 100)
    assert len(edges) == 100
    assert all(edge.missed == 0 for edge in edges)
    # Two fetches a pulse: the one that brings it and the one that says that there are no more.
    assert line.looks - before <= 2 * 100 + 4


def test_a_pulse_is_looked_for_just_after_it_is_due(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=300 * MS)
    keeper = world.keeper()
    world.run(keeper, 5)
    due = (world.now - 300 * MS) // SECOND * SECOND + SECOND + 300 * MS
    keeper.take(START + world.now, world.now)
    assert 0 < keeper.wake_ns - due <= LOOK_AFTER_DUE_NS


def test_where_the_clear_edge_is_the_second_it_is_looked_for_just_after_that(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=300 * MS, width=100 * MS)
    keeper = world.keeper(by_clear=True)
    world.run(keeper, 5)
    due = (world.now - 400 * MS) // SECOND * SECOND + SECOND + 400 * MS
    edges = keeper.take(START + world.now, world.now)
    assert 0 < keeper.wake_ns - due <= LOOK_AFTER_DUE_NS
    world.now = keeper.wake_ns
    edges = keeper.take(START + world.now, world.now)
    assert [edge.clear for edge in edges] == [False, True]


def test_ten_pulses_a_second_are_all_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", period=SECOND // 10)
    keeper = world.keeper()
    world.run(keeper, 3)
    edges = world.run(keeper, 20)
    assert len(edges) == 200
    assert sum(edge.missed for edge in edges) == 0


def test_a_silent_line_costs_few_looks(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=10**6 * SECOND)
    keeper = world.keeper(str(tmp_path / "pps0"))
    world.run(keeper, 20)
    line = world.opened[0]
    before = line.looks
    world.run(keeper, 100)
    assert line.looks - before <= 4 * 100 + 4


def test_a_device_that_is_not_there_is_a_state_and_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    keeper = world.keeper(str(tmp_path / "pps0"))
    assert world.run(keeper, 3) == []
    assert "no such device" in keeper.problem
    world.line("pps0")
    assert len(world.run(keeper, 10)) >= 8
    assert keeper.problem == ""


def test_a_device_that_goes_is_closed_and_found_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper(str(tmp_path / "pps0"))
    world.run(keeper, 5)
    world.opened[0].gone = "pps0: the device has gone"
    world.run(keeper, 10, until=lambda: bool(keeper.problem))
    assert keeper.problem == "pps0: the device has gone"
    assert world.opened[0].closed
    assert len(world.run(keeper, 10)) >= 7
    assert keeper.problem == ""


def test_a_dead_descriptor_of_a_replaced_device_is_noticed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper(str(tmp_path / "pps0"))
    world.run(keeper, 5)
    world.opened[0].phase = 10**6 * SECOND  # the old descriptor stays silent for ever
    world.opened[0].other_device = True
    assert len(world.run(keeper, 20)) >= 8
    assert len(world.opened) == 2


def test_the_line_that_ticks_is_found_among_those_that_do_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=10**6 * SECOND)
    world.line("pps1")
    world.line("pps2", period=SECOND * 1001 // 1000)
    (tmp_path / "class/pps/pps1").mkdir(parents=True)
    (tmp_path / "class/pps/pps1/name").write_text("pps@12\n")
    keeper = world.keeper()
    world.run(keeper, 2)
    assert keeper.searching
    assert "pps0" in keeper.problem and "pps1" in keeper.problem
    assert keeper.told == "pps0, GPIO18 (pps1), pps2"
    edges = world.run(keeper, 20)
    assert keeper.name == "GPIO18 (pps1)"
    assert keeper.problem == ""
    assert len(edges) >= 12
    # The others are kept open, should one of them begin to tick.
    assert not any(line.closed for line in world.opened)


def test_one_pulse_a_second_goes_before_faster_lines(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", period=SECOND // 10)
    world.line("pps1")
    keeper = world.keeper()
    world.run(keeper, 30)
    assert keeper.name in ("pps0", "pps1")
    assert keeper.name == "pps1"


def test_a_step_of_the_clock_delays_the_search_and_does_not_end_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=10**6 * SECOND)
    world.line("pps1")
    keeper = world.keeper()
    world.run(keeper, 3)
    for trial in keeper._trials:
        trial._stamps.append((99, START + 3600 * SECOND))  # of the clock before it was set back by an hour
    keeper.discard()
    world.run(keeper, 10)
    assert keeper.name == "pps1"


def test_a_single_line_is_taken_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper()
    assert len(world.run(keeper, 3)) >= 2


def test_a_line_found_by_itself_that_falls_silent_is_looked_for_anew(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper()
    world.run(keeper, 5)
    world.opened[0].phase = 10**6 * SECOND
    world.line("pps1")
    world.lines["pps0"].phase = 10**6 * SECOND
    world.run(keeper, 60)
    assert keeper.name == "pps1"


def test_a_silent_line_is_one_state_until_a_pulse_comes(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", phase=125 * SECOND)
    keeper = world.keeper()
    world.run(keeper, 35)
    problems = [(keeper.problem, keeper.searching)]

    def note() -> bool:
        if problems[-1] != (now := (keeper.problem, keeper.searching)):
            problems.append(now)
        return False

    world.run(keeper, 95, until=note)
    # Opened anew more than once, and told once: an open device is no pulse.
    assert len(world.opened) > 3
    assert problems == [("pps0: no pulse comes", True), ("", False)]


def test_a_device_that_comes_late_is_not_said_to_tick_before_it_does(tmp_path: Path) -> None:
    world = World(tmp_path)
    keeper = world.keeper()
    world.run(keeper, 2)
    assert not keeper.searching
    world.line("pps0", phase=10 * SECOND)
    world.run(keeper, 5)
    assert keeper.problem == "pps0: no pulse yet"
    assert keeper.searching
    world.run(keeper, 10)
    assert keeper.problem == ""


def test_without_any_line_the_reason_names_the_folder(tmp_path: Path) -> None:
    world = World(tmp_path)
    keeper = world.keeper()
    world.run(keeper, 2)
    assert str(tmp_path) in keeper.problem


def test_edges_from_before_a_step_are_forgotten(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = world.keeper()
    world.run(keeper, 5)
    world.now += SECOND
    keeper.discard()
    assert keeper.take(START + world.now, world.now) == []


# Several lines


NEVER = 10**6 * SECOND


def test_the_line_that_was_right_the_last_time_is_taken_at_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1")
    keeper = PulseKeeper("auto", tmp_path, tmp_path, remembered="pps1", opener=world.open)
    assert len(world.run(keeper, 3)) >= 2
    assert keeper.name == keeper.proven == "pps1"


def test_a_remembered_line_that_is_silent_makes_room_for_a_search(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1", phase=NEVER)
    keeper = PulseKeeper("auto", tmp_path, tmp_path, remembered="pps1", opener=world.open)
    world.run(keeper, 30)
    assert keeper.name == "pps0"


def test_a_remembered_line_that_is_not_there_is_no_hindrance(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    keeper = PulseKeeper("auto", tmp_path, tmp_path, remembered="GPIO18 (pps1)", opener=world.open)
    world.run(keeper, 3)
    assert keeper.name == "pps0"


def test_the_rate_is_told_as_it_was_measured(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0", period=SECOND + 12_000)
    keeper = world.keeper()
    world.run(keeper, 5)
    assert keeper.told == "pps0"
    world.run(keeper, 60)
    assert keeper.told == "pps0, 0.999988 Hz"
    world.run(keeper, 5000)
    assert keeper.told == "pps0, 0.999988 Hz"


def test_a_second_line_takes_over_within_3_s_without_a_step_and_the_count_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1", phase=300 * MS + 4_321)
    keeper = world.keeper()
    edges = world.run(keeper, 60)
    assert keeper.name == "pps0"
    assert keeper.standing_by(START + world.now) == 1
    first = next(line for line in world.opened if line.path.endswith("pps0"))
    broke_at = START + world.now
    first.silent = True
    edges += world.run(keeper, 20)
    assert keeper.name == "pps1"
    assert "pps0 fell silent" in keeper.change
    after = [edge for edge in edges if edge.stamp_ns > broke_at]
    assert after[0].stamp_ns - broke_at <= 4 * SECOND
    assert len(after) >= 16
    assert {edge.stamp_ns % SECOND for edge in edges} == {300 * MS}
    seconds = [(edge.stamp_ns - edges[0].stamp_ns) // SECOND for edge in edges]
    assert [edge.sequence - edges[0].sequence for edge in edges] == seconds


def test_the_line_that_came_back_stands_by_in_its_turn(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1", phase=300 * MS + 4_321)
    keeper = world.keeper()
    world.run(keeper, 60)
    first, second = world.opened
    first.silent = True
    world.run(keeper, 10)
    assert keeper.name == "pps1"
    first.silent = False
    world.run(keeper, 60)
    assert (keeper.name, keeper.standing_by(START + world.now)) == ("pps1", 1)
    second.silent = True
    edges = world.run(keeper, 20)
    assert keeper.name == "pps0"
    assert {edge.stamp_ns % SECOND for edge in edges} == {300 * MS}


def test_a_device_that_is_pulled_is_replaced_as_well(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1", phase=300 * MS - 777)
    keeper = world.keeper()
    world.run(keeper, 60)
    world.opened[0].gone = world.lines["pps0"].gone = "pps0: the device has gone"
    world.opened[0].other_device = True
    edges = world.run(keeper, 10)
    assert keeper.name == "pps1"
    assert {edge.stamp_ns % SECOND for edge in edges} == {300 * MS}
    assert world.opened[0].closed


def test_a_line_that_slides_against_the_one_in_use_never_takes_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.line("pps0")
    world.line("pps1", period=SECOND + 2_000, phase=300 * MS)
    keeper = world.keeper()
    world.run(keeper, 100)
    assert keeper.name == "pps0"
    assert keeper.standing_by(START + world.now) == 0
    world.opened[0].silent = True
    world.run(keeper, 20)
    assert keeper.name == "pps0"


def test_of_lines_that_do_not_belong_together_the_one_with_steady_messages_is_taken(tmp_path: Path) -> None:
    """A clock chip with an output of 1 Hz beside the receiver's pulse, 150 ppm off."""
    world = World(tmp_path)
    world.line("pps0", period=SECOND + 150_000, phase=700 * MS)
    world.line("pps1", phase=300 * MS)
    keeper = world.keeper()
    taken_at = None
    for second in range(1, 60):
        end = second * SECOND + 450 * MS
        world.run(keeper, (end - world.now) / SECOND)
        keeper.message(START + end + (second * 7919 % 1000) * 1000)  # a jitter of 1 ms
        if taken_at is None and not keeper.searching:
            taken_at = second
    assert keeper.name == "pps1"
    assert taken_at is not None and 35 <= taken_at <= 50
