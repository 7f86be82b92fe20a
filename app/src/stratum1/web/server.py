# SPDX-License-Identifier: MIT
"""The process `stratum1 web`: waitress around the application."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

from stratum1.heartbeat import Heartbeat
from stratum1.paths import Paths
from stratum1.web.box import Box
from stratum1.web.doors import Doors
from stratum1.web.life import Life
from stratum1.web.listen import ListenError, listen
from stratum1.web.recorder import Recorder
from stratum1.web.trial import TRIAL_S
from stratum1.words import tongue

LAST_WORD_S = 2.0
"""A worker that is still busy so long after SIGTERM is left behind."""


def serve(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT; 0 at an ordinary end, 2 with one line when the port cannot be had."""
    if argv:
        _refuse(argv)
    tongue.begin()
    box = Box(Paths.from_environment())
    if box.settings_problem:
        _say(box.settings_problem)
    listening = box.settings.web
    try:
        sock = listen(listening.address, listening.port)
    except ListenError as error:
        _say(str(error))
        return 0 if _go_back(box) else 2
    doors = Doors(box, sock)
    recorder = Recorder(box)
    box.closing.append(recorder.stop)
    life = Life(sock.getsockname()[:2], Heartbeat())

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        # Threads of the pool are daemons, but waitress waits for them longer than the house allows.
        last = threading.Timer(LAST_WORD_S, os._exit, (0,))
        last.daemon = True
        last.start()
        box.close()
        raise SystemExit(0)

    def reload(number: int, frame: FrameType | None) -> None:
        box.reload()
        if box.settings.web != listening:
            end(number, frame)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, reload)
    if box.trial.pending is not None:
        box.trial.watch(TRIAL_S, lambda: os.kill(os.getpid(), signal.SIGHUP))
    recorder.start()
    life.start()
    doors.run()  # returns on SystemExit
    life.stop()
    return 0


def _refuse(argv: list[str]) -> None:
    """Help, or what is wrong with what was typed; then the end, as nothing is taken."""
    import argparse  # 1 MB that the service does without

    argparse.ArgumentParser(
        prog="stratum1 web", description="The web page. Address and port are the settings web.address and web.port."
    ).parse_args(argv)


def _go_back(box: Box) -> bool:
    """Whether the page had an address before that may do better; the settings name it again."""
    try:
        if not box.trial.revert():
            return False
    except OSError as error:
        _say(f"its address cannot be put back: {error}")
        return False
    _say("the page goes back to where it was")
    return True


def _say(line: str) -> None:
    print(f"stratum1 web: {line}", file=sys.stderr, flush=True)
