# SPDX-License-Identifier: MIT
"""One child process: started, listened to, and started anew with patience.

Nothing here waits: turn() does what is due at the time it is handed and returns.  Times are seconds of
a monotonic clock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stratum1 import heartbeat
from stratum1.supervisor.accounts import Account
from stratum1.supervisor.spawn import CHILD_HEARTBEAT_FD, spawn

SILENCE_S = 10.0
"""A child that was alive once and has not beaten for so long hangs."""
FIRST_BEAT_S = 90.0
"""Loading the interpreter and its modules from a slow card takes this long at most."""
TERM_S = 2.0
"""What an orderly end may take before it is enforced."""
STEADY_S = 30.0
"""A child that has run so long has recovered: the next failure is the first again."""
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
HOPELESS_RETRY_S = 20.0
"""After exit status 2, "what is wrong was said and will not mend itself"."""
HOPELESS_STATUS = 2
MOST_WORDS = 500
"""So many lines of an outage are remembered, so that each is logged once however often the start is tried."""


class State(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    """Something it needs is not there; looked for again and again."""
    RESTARTING = "restarting"
    OFF = "off"
    STOPPED = "stopped"


class BlockedError(Exception):
    """A child cannot be started as things are; the text says in one line why, and what to do."""

    def __init__(self, why: str, retry_s: float = 1.0, state: State = State.WAITING) -> None:
        super().__init__(why)
        self.retry_s = retry_s
        self.state = state


@dataclass(frozen=True, slots=True)
class Launch:
    argv: tuple[str, ...]
    """argv[0] is the path of the program."""
    account: Account | None = None


class Child:
    """`launch` says how to start now or raises BlockedError; `key` gives what it was started for, and when that
    changes the child is started anew."""

    def __init__(
        self,
        name: str,
        launch: Callable[[], Launch],
        environ: Mapping[str, str],
        say: Callable[[str], None],
        *,
        beats: bool = True,
        key: Callable[[], Any] = lambda: None,
    ) -> None:
        self.name = name
        self.state = State.WAITING
        self.why = ""
        """Why it does not run, or why it was last started anew; one line."""
        self.pid: int | None = None
        self.restarts = 0
        self.hopeless = False
        """Its last word was that a restart will not help."""
        self.started: float = 0.0
        self.since_ns = time.time_ns()
        self._launch = launch
        self._environ = dict(environ)
        self._say = say
        self._beats = beats
        self._key = key
        self._started_for: Any = None
        self._next = 0.0
        self._failures = 0
        self._alive = 0.0
        self._beaten = False
        self._kill_at: float | None = None
        self._expected = False
        self._ending = False
        self._output = -1
        self._pulse = -1
        self._partial = b""
        self._last_line = ""
        self._logged: dict[str, None] = {}

    @property
    def alive(self) -> bool:
        """Whether it has shown a sign of life since it was last started."""
        return self._beaten

    # What the supervisor asks for

    def turn(self, now: float) -> None:
        """Do everything that is due at `now`."""
        if self.pid is None:
            if not self._ending and now >= self._next:
                self._start(now)
            return
        self._listen(now)
        if self._reap(now):
            return
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._signal(signal.SIGKILL)
        elif self._beats and now - self._alive > (SILENCE_S if self._beaten else FIRST_BEAT_S):
            self.why = f"did not answer for {now - self._alive:.0f} s"
            self._log(f"{self.why}, started anew", now)
            self._signal(signal.SIGKILL)
            self._kill_at = now + TERM_S
        elif self._key() != self._started_for:
            self.restart("", now)

    def due(self) -> float:
        """When turn() must be called at the latest, signals aside."""
        if self.pid is None:
            return self._next if not self._ending else float("inf")
        return self._kill_at if self._kill_at is not None else float("inf")

    def hangup(self) -> None:
        """Its settings have changed: it takes them over, or ends and is started anew at once."""
        if self.pid is not None:
            self._expected = True
            self._signal(signal.SIGHUP, group=False)

    def restart(self, why: str, now: float) -> None:
        if self.pid is not None and self._kill_at is None:
            self._expected = True
            if why:
                self.why = why
                self._log(f"{why}, started anew", now)
            self._signal(signal.SIGTERM)
            self._kill_at = now + TERM_S
        elif self.pid is None:
            self._next = now

    def stop(self, now: float) -> None:
        """End it for good; turn() until `pid` is None."""
        self._ending = True
        if self.pid is None:
            self.state = State.STOPPED
        else:
            self._signal(signal.SIGTERM)
            self._kill_at = now + TERM_S

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state.value,
            "pid": self.pid,
            "since_ns": self.since_ns,
            "restarts": self.restarts,
            "why": self.why,
        }

    # How it comes about

    def _start(self, now: float) -> None:
        try:
            launch = self._launch()
            key = self._key()
            self.pid = self._spawn(launch)
        except BlockedError as blocked:
            self._enter(blocked.state)
            self._next = now + blocked.retry_s
            self._blame(str(blocked), now)
            return
        except OSError as error:
            self._enter(State.RESTARTING)
            self._next = now + HOPELESS_RETRY_S
            self._blame(f"cannot be started: {error.strerror or error}: {error.filename or ''}".rstrip(": "), now)
            return
        self._started_for = key
        self.started = self._alive = now
        self._beaten = False
        self._kill_at = None
        self._expected = False
        self._last_line = ""
        if self.state is not State.RESTARTING:
            self.why = ""
        self._enter(State.RUNNING)

    def _spawn(self, launch: Launch) -> int:
        environ = self._environ
        output_in, output_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(output_out, True)
        pulse_in = pulse_out = -1
        if self._beats:
            pulse_in, pulse_out = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            environ = {**environ, heartbeat.VARIABLE: str(CHILD_HEARTBEAT_FD)}
        try:
            pid = spawn(
                [os.fsencode(word) for word in launch.argv],
                [os.fsencode(f"{key}={value}") for key, value in environ.items()],
                output_out,
                pulse_out,
                launch.account.raw() if launch.account else None,
            )
        except BaseException:
            for fd in (output_in, pulse_in):
                _close(fd)
            raise
        finally:
            for fd in (output_out, pulse_out):
                _close(fd)
        self._output, self._pulse, self._partial = output_in, pulse_in, b""
        return pid

    def _listen(self, now: float) -> None:
        """Take in beats and lines."""
        if self._pulse >= 0 and _read(self._pulse):
            self._alive = now
            self._beaten = True
        while data := _read(self._output):
            *lines, self._partial = (self._partial + data).split(b"\n")
            for line in lines:
                self._hear(line, now)
            if len(self._partial) > 4096:
                self._hear(self._partial, now)
                self._partial = b""

    def _hear(self, line: bytes, now: float) -> None:
        text = "".join(c if c.isprintable() else " " for c in line.decode("utf-8", "replace")).strip()
        if text:
            self._last_line = text.removeprefix(f"{self.name}: ").removeprefix("stratum1 ")
            self._log(text, now)

    def _reap(self, now: float) -> bool:
        """Whether it has ended; then everything of it is cleared away and the next start is set."""
        assert self.pid is not None
        # Seen before it is reaped, so that its group cannot be somebody else's yet.
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        self._signal(signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        self._listen(now)
        if self._partial:
            self._hear(self._partial, now)
        for fd in (self._output, self._pulse):
            _close(fd)
        self._output = self._pulse = -1
        self.pid = None
        self._ended(os.waitstatus_to_exitcode(status), now)
        return True

    def _ended(self, code: int, now: float) -> None:
        if self._ending:
            self._enter(State.STOPPED)
            return
        self.restarts += 1
        self._enter(State.RESTARTING)
        orderly = self._expected and (code == 0 or self._kill_at is not None)
        self._kill_at = None
        if orderly:
            self._failures = 0
            self._next = now
            return
        if now - self.started >= STEADY_S:
            self._failures = 0
        retry = min(FIRST_RETRY_S * 2**self._failures, LAST_RETRY_S)
        self._failures += 1
        self.hopeless = code == HOPELESS_STATUS
        if self.hopeless:
            retry = HOPELESS_RETRY_S
        self._next = now + retry
        if code == -signal.SIGKILL and self.why.startswith("did not answer"):
            return
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        self._blame(self._last_line if code > 0 and self._last_line else how, now)

    def _enter(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.since_ns = time.time_ns()

    def _blame(self, why: str, now: float) -> None:
        self.why = why
        if why and why != self._last_line:
            self._log(why, now)

    def _log(self, text: str, now: float) -> None:
        text = text.removeprefix(f"{self.name}: ")
        if self.pid is not None and now - self.started >= STEADY_S:
            # It runs: all it has to say counts, but for saying the same twice running.
            self._logged = {text: None} if text in self._logged and len(self._logged) == 1 else {}
        if text in self._logged:
            return
        if len(self._logged) < MOST_WORDS:
            self._logged[text] = None
        self._say(f"{self.name}: {text}")

    def _signal(self, number: int, *, group: bool = True) -> None:
        assert self.pid is not None
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
