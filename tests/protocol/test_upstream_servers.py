# SPDX-License-Identifier: MIT
"""The real process asks real servers, each on a network of its own: chronyd, our own responder, and one that lies."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from namespace import Namespace, peer
from process import Process, poll
from village import Village

from stratum1.upstream import Server, Tally, Upstream, Verdict, read

LIE_NS = 5_000_000_000


class Box(Process):
    """Our own time, which this test writes, without a responder; and the process that asks."""

    def __init__(self, folder: Path, namespace: Namespace, *servers: str) -> None:
        self.paths = self.folders(folder)
        self.tracking = self.paths.tracking
        self.publish()
        command = [*namespace.enter, sys.executable, "-m", "stratum1", "upstream", *servers]
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, env={**os.environ, **self.paths.environment()}, stderr=errors)

    def settled(self, verdict: Verdict) -> Upstream:
        """The news once all servers were measured and it comes to this verdict."""

        def look() -> Upstream | None:
            news = read(self.paths)
            if news is None or news.verdict is not verdict or any("not asked" in s.problem for s in news.servers):
                return None
            return news

        found = poll(look, 90.0)  # after the burst at the start a server is asked once a minute
        assert isinstance(found, Upstream)
        return found


@contextlib.contextmanager
def chronyd(namespace: Namespace, folder: Path) -> Iterator[None]:
    """A server of stratum 1 by this machine's clock, which it cannot set."""
    configuration = folder / "chrony.conf"
    configuration.write_text(f"local stratum 1\nallow\ncmdport 0\npidfile {folder}/chronyd.pid\n")
    user = ["-u", "root"] if os.geteuid() == 0 else []
    command = [*namespace.enter, peer("chrony.chronyd"), "-x", "-n", *user, "-f", str(configuration)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """House 0 has chronyd, house 1 our responder, house 2 ours with a time five seconds ahead, house 3 nobody."""
    made = Village(4)
    try:
        with chronyd(made.houses[0], tmp_path):
            honest = Process(tmp_path / "honest", port=123, enter=made.houses[1].enter)
            liar = Process(tmp_path / "liar", port=123, enter=made.houses[2].enter)
            liar.publish(correction_ns=LIE_NS)
            try:
                yield made
            finally:
                honest.end()
                liar.end()
    finally:
        made.close()


def by_name(news: Upstream) -> dict[str, Server]:
    return {server.name: server for server in news.servers}


def test_the_liar_is_found_by_the_majority_and_our_own_error_too(village: Village, tmp_path: Path) -> None:
    chrony, ours, liar, nobody = village.address(0), village.address6(1), village.address(2), village.address(3)
    box = Box(tmp_path / "box", village.centre, chrony, ours, liar, nobody)
    try:
        said = by_name(box.settled(Verdict.AGREES))
        assert {name: server.tally for name, server in said.items()} == {
            chrony: Tally.CANDIDATE,
            ours: Tally.CANDIDATE,
            liar: Tally.FALSETICKER,
            nobody: Tally.UNUSABLE,
        }
        assert said[nobody].problem.startswith("does not answer")
        for server in (said[chrony], said[ours]):
            assert server.offset_ns is not None and server.distance_ns is not None
            assert abs(server.offset_ns) <= server.distance_ns
            assert server.stratum == 1 and server.leap == 0
        assert said[ours].refid == "PPS"
        assert said[liar].offset_ns is not None and abs(said[liar].offset_ns - LIE_NS) < 100_000_000

        # Now it is the box itself that is wrong: two seconds late, and sure of it.
        box.publish(correction_ns=-2_000_000_000, steps=1)
        wrong = box.settled(Verdict.DISAGREES)
        assert wrong.contradicts and wrong.majority == 2
        assert wrong.offset_ns is not None and wrong.error_ns is not None
        assert abs(wrong.offset_ns - 2_000_000_000) <= wrong.error_ns
    finally:
        box.end()
    assert box.process.returncode == 0 and read(box.paths) is None


@pytest.mark.parametrize("arguments", [[], ["--poll"], ["--poll", "7", "a"], ["--poll", "x", "a"], ["--fast"]])
def test_what_makes_no_sense_is_told_in_a_line(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stratum1", "upstream", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and ("usage:" in done.stderr or done.stderr.startswith("upstream: --poll"))
