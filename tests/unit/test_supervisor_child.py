# SPDX-License-Identifier: MIT
"""A child process through its troubles: crashes, silence, blocked starts, new settings, the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stratum1.supervisor import child as child_module
from stratum1.supervisor.child import BlockedError, Child, Launch, State

HOUR = 3600.0


class World:
    """A child whose program is shell text, under a clock that the test turns on; only its process is real."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.script = "sleep 60"
        self.blocked: BlockedError | None = None
        self.key: Any = None
        self.said: list[str] = []
        self.child = self.make()

    def make(self, *, beats: bool = False) -> Child:
        return Child("thing", self.launch, dict(os.environ), self.said.append, beats=beats, key=lambda: self.key)

    def launch(self) -> Launch:
        if self.blocked:
            raise self.blocked
        return Launch(("/bin/sh", "-c", self.script))

    def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.child.turn(self.now)

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Turn with the clock standing until the real process has caught up."""
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not happen; {self.child.as_dict()}, {self.said}"
            self.turn()
            time.sleep(0.005)

    def runs(self, script: str) -> None:
        self.script = script
        self.turn()
        assert self.child.state is State.RUNNING

    def ends(self) -> None:
        self.until(lambda: self.child.pid is None, "the end")

    def starts_after(self) -> float:
        """Seconds until it is started anew."""
        return self.child.due() - self.now


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    if world.child.pid is not None:
        world.child.stop(world.now)
        world.now += HOUR
        world.ends()


def test_it_runs_and_says_so(world: World) -> None:
    world.runs("sleep 60")
    told = world.child.as_dict()
    assert (told["state"], told["restarts"], told["why"]) == ("running", 0, "")
    os.kill(told["pid"], 0)


def test_a_crash_is_told_with_its_last_words_and_tried_again_with_growing_patience(world: World) -> None:
    waits = []
    for _ in range(9):
        world.runs("echo thing: the disk is on fire >&2; exit 1")
        world.ends()
        assert world.child.state is State.RESTARTING
        assert world.child.why == "the disk is on fire"
        waits.append(world.starts_after())
        world.turn(waits[-1] - 0.01)
        assert world.child.pid is None, "not before its time"
        world.now += 0.02
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert world.said == ["thing: the disk is on fire"], "said once, however often it is tried"
    assert world.child.restarts == 9


def test_having_run_steadily_it_is_trusted_again(world: World) -> None:
    for seconds, wait in ((1, 0.5), (1, 1.0), (31, 0.5), (1, 1.0)):
        world.runs("sleep 60")
        world.turn(seconds)
        os.kill(world.child.pid or 0, signal.SIGSEGV)
        world.ends()
        assert world.child.why == "ended by SIGSEGV"
        assert world.starts_after() == pytest.approx(wait)
        world.now += wait


def test_status_2_is_tried_again_slowly_and_is_hopeless(world: World) -> None:
    world.runs("echo port 123 is taken; exit 2")
    world.ends()
    assert world.starts_after() == child_module.HOPELESS_RETRY_S
    assert world.child.hopeless
    assert world.child.why == "port 123 is taken"


def test_an_end_with_status_0_is_no_wish_to_stay_away(world: World) -> None:
    world.runs("exit 0")
    world.ends()
    assert world.starts_after() == 0.5
    assert world.child.why == "ended with status 0"


def test_a_child_that_ends_to_take_new_settings_is_back_at_once(world: World) -> None:
    world.runs('trap "exit 0" HUP; echo ready; while :; do sleep 0.05; done')
    world.until(lambda: world.said == ["thing: ready"], "its start")
    world.child.hangup()
    world.ends()
    assert world.starts_after() == 0
    assert world.child.why == ""
    world.turn()
    assert world.child.state is State.RUNNING


def test_a_child_that_takes_new_settings_in_place_runs_on(world: World) -> None:
    world.runs('trap "echo taken" HUP; echo ready; while :; do sleep 0.05; done')
    pid = world.child.pid
    world.until(lambda: "thing: ready" in world.said, "its start")
    world.child.hangup()
    world.until(lambda: "thing: taken" in world.said, "the signal")
    assert world.child.pid == pid


def test_another_key_starts_it_anew_at_once(world: World) -> None:
    world.runs("sleep 60")
    world.key = "another device"
    world.turn()
    world.ends()
    assert world.starts_after() == 0
    world.turn()
    assert world.child.state is State.RUNNING


# Life signs


def test_a_beating_child_lives(world: World) -> None:
    world.child = world.make(beats=True)
    world.runs('while :; do printf . >&"$STRATUM1_HEARTBEAT_FD"; sleep 0.02; done')
    pid = world.child.pid
    for _ in range(100):
        world.turn(0.9)
        time.sleep(0.03)
    assert world.child.pid == pid


def test_a_child_that_stops_beating_is_killed_and_started_anew(world: World) -> None:
    world.child = world.make(beats=True)
    world.runs('trap "" TERM; printf . >&"$STRATUM1_HEARTBEAT_FD"; echo ready; while :; do sleep 60; done')
    world.until(lambda: world.said == ["thing: ready"], "its start")
    world.turn(1.0)
    world.turn(child_module.SILENCE_S - 0.1)
    assert world.child.pid is not None
    world.turn(0.2)
    world.ends()
    assert "did not answer for" in world.child.why
    assert world.child.state is State.RESTARTING


def test_loading_may_take_longer_than_silence_later(world: World) -> None:
    world.child = world.make(beats=True)
    world.runs("sleep 60")
    world.turn(child_module.FIRST_BEAT_S - 0.1)
    assert world.child.pid is not None
    world.turn(0.2)
    world.ends()


# Blocked


def test_what_is_not_there_is_waited_for(world: World) -> None:
    world.blocked = BlockedError("no receiver")
    for _ in range(5):
        world.turn(1.0)
        assert (world.child.state, world.child.why) == (State.WAITING, "no receiver")
    assert world.said == ["thing: no receiver"]
    assert world.child.restarts == 0
    world.blocked = None
    world.turn(1.0)
    assert (world.child.state, world.child.why) == (State.RUNNING, "")


def test_a_program_that_is_missing_is_told(world: World) -> None:
    world.child = Child("thing", lambda: Launch(("/no/such/thing",)), {}, world.said.append)
    world.turn()
    assert world.said == ["thing: cannot be started: No such file or directory: /no/such/thing"]
    assert world.starts_after() == child_module.HOPELESS_RETRY_S


# Output


def test_output_is_passed_on_line_by_line_and_made_harmless(world: World) -> None:
    world.runs(r"printf 'one\n\ntwo\033[31m\377\nthr'; sleep 0.1; printf 'ee\n'; exec sleep 60")
    world.until(lambda: len(world.said) == 3, "three lines")
    assert world.said == ["thing: one", "thing: two [31m�", "thing: three"]


def test_a_flood_without_line_ends_does_not_pile_up(world: World) -> None:
    world.runs("head -c 300000 /dev/zero | tr '\\0' x; exec sleep 60")
    world.until(lambda: sum(map(len, world.said)) > 0, "output")
    assert all(len(line) < 200_000 for line in world.said)


def test_a_steady_child_may_repeat_itself_but_not_twice_running(world: World) -> None:
    world.runs("for w in a b a a b; do read _ </dev/null; echo $w; done; exec sleep 60")
    world.now += child_module.STEADY_S
    world.until(lambda: len(world.said) >= 4, "its words")
    assert world.said == ["thing: a", "thing: b", "thing: a", "thing: b"]


# The end


def test_it_ends_on_request_and_stays_away(world: World) -> None:
    world.runs("sleep 60")
    world.child.stop(world.now)
    world.ends()
    assert world.child.state is State.STOPPED
    world.turn(HOUR)
    assert world.child.pid is None


def test_who_ignores_the_request_is_killed_with_all_that_it_started(world: World) -> None:
    world.runs('trap "" TERM; sleep 60 & echo $!; wait; wait; wait; sleep 60')
    world.until(lambda: len(world.said) == 1, "its grandchild")
    grandchild = int(world.said[0].split()[-1])
    world.child.stop(world.now)
    world.turn(child_module.TERM_S + 0.1)
    world.ends()
    deadline = time.monotonic() + 5
    while _alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(grandchild)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
