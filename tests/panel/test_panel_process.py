# SPDX-License-Identifier: MIT
"""The panel as the process that the supervisor starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from stratum1.panel.glass import Picture
from stratum1.panel.main import main


def until(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def process(tmp_path):
    started = []

    def start(settings):
        (tmp_path / "stratum1.toml").write_text(settings)
        reader, writer = os.pipe()
        child = subprocess.Popen(
            [sys.executable, "-m", "stratum1.panel.main"],
            env={
                **os.environ,
                "STRATUM1_ROOT": str(tmp_path),
                "STRATUM1_RUN": str(tmp_path),
                "STRATUM1_DATA": str(tmp_path),
                "STRATUM1_HEARTBEAT_FD": str(writer),
            },
            pass_fds=(writer,),
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        started.append((child, reader))
        return child, reader

    yield start
    for child, reader in started:
        if child.poll() is None:
            child.kill()
        child.wait()
        child.stderr.close()
        os.close(reader)


def test_it_writes_a_picture_beats_and_takes_the_picture_away_at_the_end(process, tmp_path):
    child, reader = process('version = 1\n[panel]\ndevice = "picture"\n')
    picture = tmp_path / "panel.png"
    assert until(picture.exists)
    assert os.read(reader, 1) == b"."
    child.send_signal(signal.SIGTERM)
    assert child.wait(3) == 0
    assert not picture.exists()
    assert child.stderr.read() == f"panel found: picture {picture}\n"


def test_without_a_panel_it_lives_and_says_so_once(process):
    child, reader = process("version = 1\n")
    for _ in range(3):
        assert os.read(reader, 1) == b"."
    child.send_signal(signal.SIGINT)
    assert child.wait(3) == 0
    assert child.stderr.read() == "no panel: there is no I2C bus; switch it on with dtparam=i2c_arm=on\n"


def test_no_thread_but_the_loop_can_take_a_signal(process):
    child, reader = process("version = 1\n")
    for _ in range(2):
        os.read(reader, 1)
    wanted = sum(1 << (number - 1) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    others = [task for task in Path(f"/proc/{child.pid}/task").iterdir() if task.name != str(child.pid)]
    for task in others:
        blocked = re.search(r"SigBlk:\s*(\w+)", (task / "status").read_text())[1]
        assert int(blocked, 16) & wanted == wanted


def test_a_new_height_is_taken_over_on_hangup(process, tmp_path):
    child, _ = process('version = 1\n[panel]\ndevice = "picture"\n')
    picture = tmp_path / "panel.png"
    assert until(picture.exists)
    with Image.open(picture) as image:
        tall = image.size
    (tmp_path / "stratum1.toml").write_text('version = 1\n[panel]\ndevice = "picture"\nheight = 32\n')
    child.send_signal(signal.SIGHUP)

    def flat():
        try:
            with Image.open(picture) as image:
                return image.size == (tall[0], tall[1] - 32 * 4)
        except FileNotFoundError:
            return False

    assert until(flat)


def test_arguments_are_refused_in_one_line(capsys):
    assert main(["--big"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_picture_is_replaced_as_a_whole_and_only_when_it_changed(tmp_path):
    path = tmp_path / "panel.png"
    glass = Picture(path)
    white = Image.new("1", (128, 64), 255)
    glass.prepare(white, (0, 64))
    assert not path.exists()
    glass.send()
    inode = path.stat().st_ino
    with Image.open(path) as image:
        assert image.size == (128 * 4 + 16, 64 * 4 + 16)
        assert image.convert("RGB").getpixel((8, 8)) == (158, 220, 255)
        assert image.convert("RGB").getpixel((0, 0)) == (7, 10, 14)
    glass.prepare(white, (0, 64))
    glass.send()
    assert path.stat().st_ino == inode
    glass.prepare(Image.new("1", (128, 64)), (0, 64))
    glass.send()
    assert path.stat().st_ino != inode
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_panel(tmp_path):
    glass = Picture(Path(tmp_path) / "missing" / "panel.png")
    glass.prepare(Image.new("1", (128, 64)), (0, 64))
    with pytest.raises(OSError):
        glass.send()
    glass.close()
