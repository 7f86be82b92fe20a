# SPDX-License-Identifier: MIT
"""Every page, in every state and size, looks as it did when a person last looked at it, and nothing breaks it.

After a change of the looks: STRATUM1_UPDATE_GOLDEN=1 pytest tests/panel/test_panel_pages.py, and look at golden/.
"""

from __future__ import annotations

import io
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from stratum1.panel.draw import MARGIN, modules, picture
from stratum1.panel.fonts import LABEL, TEXT
from stratum1.panel.gallery import SIZES, frames, main, walls
from stratum1.panel.light import shift
from stratum1.panel.pages import PAGES, AskPage, ClockPage, CodePage, TextPage, clock_page, details_page
from stratum1.panel.png import glowing
from stratum1.panel.samples import worlds
from stratum1.panel.sheet import Sheet, wrap
from stratum1.panel.world import Satellite, Traffic, World
from stratum1.words import Status

GOLDEN = Path(__file__).parent / "golden"
FRAMES = dict(frames())


@pytest.mark.parametrize("name", FRAMES)
def test_it_looks_as_it_did(name):
    path = GOLDEN / f"{name}.png"
    if os.environ.get("STRATUM1_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        FRAMES[name].save(path, optimize=True)
    with Image.open(path) as golden:
        assert golden.size == FRAMES[name].size
        difference = ImageChops.logical_xor(golden.convert("1"), FRAMES[name])
    assert difference.getbbox() is None, f"{name} differs inside {difference.getbbox()}"


def test_no_golden_frame_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(FRAMES)


def test_every_picture_says_something_of_its_own():
    clocks = [image.tobytes() for name, image in FRAMES.items() if name.startswith("clock-") and name.endswith("-64")]
    assert len(set(clocks)) == len(clocks) >= 9
    assert all(image.getbbox() for image in FRAMES.values())


def test_the_gallery_is_made_by_the_program(tmp_path, capsys):
    assert main([str(tmp_path / "screens")]) == 0
    made = {path.stem for path in (tmp_path / "screens").glob("*.png")}
    assert made == set(FRAMES) | {name for name, _ in walls()}
    index = (tmp_path / "screens" / "README.md").read_text()
    assert all(f"({name}.png)" in index for name in made)
    assert main([]) == 2
    assert main([__file__ + "/below"]) == 1


def test_the_gallery_in_the_documentation_is_of_today():
    screens = Path(__file__).parents[2] / "docs" / "screens"
    wanted = {name: Image.open(io.BytesIO(glowing(image))) for name, image in FRAMES.items()} | dict(walls())
    assert {path.stem for path in screens.glob("*.png")} == set(wanted)
    for name, image in wanted.items():
        with Image.open(screens / f"{name}.png") as there:
            same = there.convert("RGB").tobytes() == image.convert("RGB").tobytes()
        assert same, f"{name}: run `make screens`"


def test_the_first_boot_shows_the_way_in_and_what_is_waited_for():
    page = clock_page(dict(worlds(64))["searching"])
    assert isinstance(page, CodePage)
    assert page.url == "http://192.168.1.57"
    assert page.texts == ("searching satellites", "3/4 seen, 1 used")
    assert page.labels == ("192.168.1.57",)


def test_the_clock_turns_offset_bound_and_addresses():
    world = dict(worlds(64))["locked"]
    pages = [clock_page(replace(world, second=second)) for second in range(0, 16, 4)]
    assert {page.bottom for page in pages} == {("±1.3 µs", "192.168.1.57"), ("+130 ns", "192.168.1.57")}


def test_a_message_takes_the_place_of_the_date():
    page = clock_page(replace(dict(worlds(64))["locked"], message="ON AIR"))
    assert isinstance(page, ClockPage)
    assert page.middle == ("ON AIR", "")


def test_a_qr_code_is_the_url_in_capitals():
    rows = modules("http://192.168.1.57")
    assert len(rows) == 21, "21 modules are the least there is: readable on small glass"
    finder = ("#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######")
    assert tuple(row[:7] for row in rows[:7]) == finder
    assert modules("http://192.168.1.58") != rows


def test_long_advice_is_shown_whole_screen_after_screen():
    text = "The quick brown fox jumps over the lazy dog and looks for a better antenna near the window"
    seen = {picture((128, 32), TextPage("ALARMS", "1", text, second)).tobytes() for second in range(0, 40, 4)}
    assert len(seen) == -(-len(wrap(text, 126)) // 2)


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_can_be_moved_about_without_losing_a_point(size):
    world = dict(worlds(size[1]))["locked"]
    for page in PAGES:
        whole = picture(size, page(world))
        for dx in range(MARGIN + 1):
            for dy in range(MARGIN + 1):
                moved = picture(size, page(world), (dx, dy))
                assert ImageChops.logical_xor(ImageChops.offset(whole, dx, dy), moved).getbbox() is None


def test_the_picture_walks_over_all_places_a_point_at_a_time():
    places = [shift(second) for second in range(0, 180 * 18, 180)]
    assert set(places) == {(x, y) for x in range(3) for y in range(3)}
    assert all(abs(a - c) + abs(b - d) <= 1 for (a, b), (c, d) in pairwise(places))


wild = st.text(max_size=60) | st.text("WM#@", min_size=30, max_size=60) | st.sampled_from(["", "fe80::1", "±µ°…"])
statuses = st.builds(
    Status,
    state=st.sampled_from(["ACQUIRING", "LOCKED", "HOLDOVER", "UNSYNCHRONISED"]),
    level=st.sampled_from(["good", "busy", "warning", "alarm"]),
    short=wild,
    progress=wild,
    time=st.sampled_from(["--:--:--", "00:00:00", "23:59:59", "08:08:08"]),
    time_known=st.booleans(),
    day=wild,
    long_date=wild,
    zone=wild,
    stratum=wild,
    offset=wild,
    bound=wild,
    frequency=wild,
    jitter=wild,
    temperature=wild,
    holdover_left=wild,
    fix=wild,
    receiver=wild,
    satellites=wild,
    satellites_used=st.integers(0, 255),
    satellites_seen=st.integers(0, 255),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
any_world = st.builds(
    World,
    status=statuses,
    second=st.integers(0, 2**34),
    height=st.sampled_from([64, 32]),
    name=wild,
    addresses=st.lists(wild, max_size=6).map(tuple),
    host=wild,
    url=st.sampled_from(["", "http://192.168.1.57", "http://[2001:db8:1234:5678:ba27:ebff:fe12:3456]:8080"]),
    satellites=st.lists(
        st.builds(Satellite, numbers, st.booleans(), st.none() | numbers, st.none() | numbers), max_size=80
    ).map(tuple),
    offsets=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=200).map(tuple),
    traffic=(
        st.none()
        | st.builds(
            Traffic,
            per_second=st.floats(0, 1e9),
            served=st.integers(0, 2**64),
            dropped=st.integers(0, 2**64),
            clients=st.integers(0, 10**9),
            top=wild,
        )
    ).map(lambda traffic: lambda: traffic),
    alarms=st.lists(wild, max_size=5).map(tuple),
    message=wild,
    version=wild,
    serial=wild,
    model=wild,
    glass=wild,
    uptime_s=st.integers(0, 2**40),
)


@settings(max_examples=150, deadline=None)
@given(any_world, st.sampled_from([*PAGES, details_page]), st.sampled_from(SIZES))
def test_no_world_raises_or_touches_the_margin(world, page, size):
    image = picture(size, page(world))
    assert image.size == size
    box = image.getbbox()
    if box is not None:
        assert box[2] <= size[0] - MARGIN and box[3] <= size[1] - MARGIN


@given(wild, st.floats(-1, 2), st.sampled_from(SIZES))
def test_no_question_raises(text, fraction, size):
    assert picture(size, AskPage(text, text, text, fraction)).size == size


@given(wild, st.integers(0, 200), st.sampled_from([TEXT, LABEL]))
def test_a_text_never_runs_over_its_place(text, room, font):
    sheet = Sheet(300, 10)
    taken = sheet.text(0, 0, text, room, font)
    assert taken <= room
    box = sheet.image.getbbox()
    assert box is None or box[2] <= room
    assert all(font.width(line) <= max(room, font.width("W")) for line in wrap(text, room, font))


@given(st.text("0123456789", min_size=1, max_size=8))
def test_digits_keep_their_place(text):
    assert TEXT.width(text) == TEXT.width("0" * len(text))
