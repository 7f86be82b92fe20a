# SPDX-License-Identifier: MIT
"""A real browser sees the state change while it looks, on a phone and on a desk, by day and by night."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Literal

import pytest
from browsing import PATIENCE_MS, PHONE, WIDE, Served, Timekeeper
from playwright.sync_api import Browser, Page, expect
from snapshots import ACQUIRING, HOLDOVER, LOCKED, UNSYNCHRONISED

from stratum1.web.recorder import Recorder


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport=WIDE)
    found = context.new_page()
    complaints: list[str] = []
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
    found.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield found
    context.close()
    assert not complaints


def test_the_antenna_is_pulled_and_plugged_while_somebody_looks(
    page: Page, served: Served, timekeeper: Timekeeper
) -> None:
    page.goto(served.url)
    state = page.locator("#state")
    expect(state).to_have_text("LOCKED")
    page.evaluate("window.sameDocument = true")
    for snapshot, tone in ((HOLDOVER, "warning"), (UNSYNCHRONISED, "alarm"), (ACQUIRING, "busy"), (LOCKED, "good")):
        timekeeper.says(snapshot)
        expect(state).to_have_text(snapshot.state.name)
        expect(page.locator("#hero")).to_have_class(f"hero {tone}")
        expect(page).to_have_title(re.compile(snapshot.state.name))
    assert page.evaluate("window.sameDocument"), "the page changed without being loaded anew"


def test_a_dead_timekeeper_is_told(page: Page, served: Served, timekeeper: Timekeeper) -> None:
    page.goto(served.url)
    timekeeper.dies()
    expect(page.locator("#headline")).to_have_text("The timekeeper is not running.")
    expect(page.locator("#state")).to_have_text("HOLDOVER")


def test_the_clock_runs_in_the_zone_of_the_box_and_shows_dashes_while_time_is_unknown(
    page: Page, served: Served, timekeeper: Timekeeper
) -> None:
    page.goto(served.url)
    clock = page.locator("#clock")
    expect(clock).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    shown, utc = page.evaluate(
        """() => new Promise((done) => {
          const clock = document.getElementById("clock");
          new MutationObserver(() => {
            const utc = window.boxClock.now();
            if (utc !== null) done([clock.textContent, utc]);
          }).observe(clock, {childList: true, characterData: true, subtree: true});
        })"""
    )
    tokyo = (int(utc) // 1000 + 9 * 3600) % 86400
    assert shown == f"{tokyo // 3600:02d}:{tokyo // 60 % 60:02d}:{tokyo % 60:02d}"
    timekeeper.says(ACQUIRING)
    expect(clock).to_have_text("--:--:--")
    timekeeper.says(LOCKED)
    expect(clock).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))


def test_who_gets_no_stream_asks_instead(page: Page, served: Served, timekeeper: Timekeeper, browser: Browser) -> None:
    others = browser.new_context()
    for _ in range(2):
        other = others.new_page()
        other.goto(served.url)
        expect(other.locator("#state")).to_have_text("LOCKED")
    with page.expect_response(lambda answer: answer.url.endswith("/live")) as refused:
        page.goto(served.url)
    assert refused.value.status == 503
    timekeeper.says(HOLDOVER)
    expect(page.locator("#state")).to_have_text("HOLDOVER")
    others.close()


def test_when_the_box_is_gone_the_page_says_that_it_is_old(page: Page, served: Served) -> None:
    page.goto(served.url)
    expect(page.locator("#lost")).to_be_hidden()
    served.stop()
    expect(page.locator("#lost")).to_contain_text("No contact with the box")


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_can_be_read(
    browser: Browser, served: Served, size: dict[str, int], scheme: str
) -> None:
    served.box.settings = served.box.settings.changed("upstream.servers", ["a-rather-long-name.example.org"])
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    for path in ("/", "/help", "/sources", "/clients", "/history"):
        page.goto(served.url + path)
        for summary in page.locator("summary").all()[1:]:
            summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        ratios = page.evaluate(CONTRASTS)
        assert ratios and all(ratio >= 4.5 for _, ratio in ratios), [pair for pair in ratios if pair[1] < 4.5]
    context.close()


CONTRASTS = """() => {
  // WCAG 2.2 relative luminance of every text against the nearest ground that is painted.
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (css) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
    found.push([element.outerHTML.slice(0, 80), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}"""


def test_everything_can_be_reached_and_done_with_the_keyboard(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/help")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    windows = page.get_by_text("Windows", exact=True)
    for _ in range(60):
        if windows.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    lines = page.locator("details[open] code").first
    expect(lines).to_contain_text("w32tm /config")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).not_to_be_empty()


def until(page: Page, truth: str) -> None:
    """Wait for it; the page's policy keeps Playwright's own way of waiting out."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(truth):
        assert time.monotonic() < deadline, truth
        page.wait_for_timeout(50)


def recorded(served: Served) -> None:
    allan = served.box.history._stability.served
    for i in range(64):
        allan.add(i, 10.0 * (i % 2))
    recorder = Recorder(served.box)
    for _ in range(3):
        recorder.look()


def test_the_charts_are_drawn_and_read_under_the_pointer_and_by_the_keyboard(page: Page, served: Served) -> None:
    recorded(served)
    page.goto(f"{served.url}/history?span=hour")
    charts = page.locator("figure.chart .uplot")
    expect(charts).to_have_count(7)
    first = page.get_by_role("slider", name="Offset of the pulse")
    expect(first).to_have_attribute("aria-valuetext", re.compile("lowest -112 ns"))
    reading = page.locator("figure.chart output").first
    over = charts.first.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 6, box["y"] + 60)
    expect(reading).to_have_text(re.compile(r"\d\d:\d\d:\d\d: -112 ns, LOCKED"))
    page.mouse.move(0, 0)
    expect(reading).to_have_text(re.compile("lowest"))

    first.focus()
    page.keyboard.press("End")
    expect(first).to_have_attribute("aria-valuetext", re.compile(r": -112 ns, LOCKED"))
    page.keyboard.press("Escape")
    expect(first).to_have_attribute("aria-valuetext", re.compile("lowest"))
    allan = page.get_by_role("slider", name="Allan deviation")
    allan.focus()
    page.keyboard.press("Home")
    expect(allan).to_have_attribute("aria-valuetext", re.compile(r"^1 s: served clock 1.4e-8, bare crystal not known"))
    assert all(ratio >= 4.5 for _, ratio in page.evaluate(CONTRASTS))


def test_the_charts_take_the_colours_of_the_night_at_once(page: Page, served: Served) -> None:
    recorded(served)
    page.goto(f"{served.url}/history?span=hour")
    expect(page.locator("figure.chart .uplot")).to_have_count(7)
    colour = "document.querySelector('figure.chart').uplot.series[1].stroke()"
    by_day = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    until(page, f"{colour} !== '{by_day}'")


def test_without_the_chart_program_a_line_says_so_and_the_tables_stand_open(browser: Browser, served: Served) -> None:
    recorded(served)
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    page.route("**/vendor/**", lambda route: route.abort())
    page.goto(f"{served.url}/history")
    expect(page.locator("#no-charts")).to_be_visible()
    expect(page.locator("#no-charts")).to_contain_text("uPlot is missing")
    page.get_by_text("Numbers as a table").click()
    expect(page.get_by_role("region", name="Numbers of the last hour")).to_contain_text("-112 ns")
    context.close()


def test_the_studio_clock_keeps_step_says_how_sure_it_is_and_dims_when_it_is_not(
    page: Page, served: Served, timekeeper: Timekeeper
) -> None:
    page.goto(f"{served.url}/clock?zones=Asia/Tokyo+UTC&hours=24")
    expect(page.locator("#time")).to_have_text(re.compile(r"\d\d:\d\d"))
    expect(page.locator("#error")).to_have_text(re.compile(r"Within [\d.]+ ms of true time"))
    expect(page.locator(".there")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    seconds, lit, utc, local = page.evaluate(
        """() => new Promise((done) => {
          const ring = document.getElementById("dots");
          const text = (id) => document.getElementById(id).textContent;
          new MutationObserver(() => done([
            text("seconds"), ring.querySelectorAll(".lit").length, window.boxClock.now(), text("time"),
          ])).observe(ring, {subtree: true, attributes: true});
        })"""
    )
    assert int(seconds) == int(utc) // 1000 % 60 and lit in (int(seconds) + 1, 0, 60)
    tokyo = (int(utc) // 1000 + 9 * 3600) // 60 % 1440
    assert local == f"{tokyo // 60:02d}:{tokyo % 60:02d}"
    timekeeper.says(UNSYNCHRONISED)
    while page.request.get(f"{served.url}/api/v1/time").json()["serves"]:
        pass  # ends when the timekeeper's next snapshot is out
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#state")).to_have_text("UNSYNCHRONISED")
    expect(page.locator("#studio")).to_have_class("unsure")


def test_the_studio_clock_shows_the_line_on_air_with_the_time_left_and_takes_it_away(
    page: Page, served: Served
) -> None:
    served.box.settings = served.box.settings.changed("panel.message", "ON AIR until {2100-01-01T00:00:00Z}")
    page.goto(f"{served.url}/clock")
    line = page.locator("#onair")
    expect(line).to_have_text(re.compile(r"^ON AIR until \d+ d \d\d:\d\d:\d\d$"))
    first = line.text_content()
    expect(line).not_to_have_text(first or "")
    served.box.settings = served.box.settings.changed("panel.message", "")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(line).to_be_hidden()


def test_a_screen_that_slept_asks_anew_before_it_shows_a_time(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/clock")
    expect(page.locator("#time")).to_have_text(re.compile(r"\d\d:\d\d"))
    # As on a tablet whose steady clock stands still while the screen is dark.
    with page.expect_request("**/api/v1/time**"):
        page.evaluate(
            """() => {
              const steady = performance.now.bind(performance);
              performance.now = () => steady() - 3600000;
            }"""
        )
    until(page, "window.boxClock.now() !== null")
    assert page.evaluate("Math.abs(window.boxClock.now() - Date.now())") < 1000


def test_the_studio_clock_does_not_grow_while_it_runs(page: Page, served: Served) -> None:
    """An hour of its seconds and questions, in steps of time that the test gives."""
    page.clock.install()
    page.goto(f"{served.url}/clock?zones=UTC+Asia/Tokyo")
    # Until the browser's own list of requests is as full as it gets.
    for _ in range(20):
        page.clock.run_for(60_000)
    session = page.context.new_cdp_session(page)

    def size() -> tuple[int, int, int]:
        session.send("HeapProfiler.collectGarbage")
        counted = session.send("Memory.getDOMCounters")
        used = session.send("Runtime.getHeapUsage")["usedSize"]
        return counted["nodes"], counted["jsEventListeners"], int(used)

    before = size()
    for _ in range(40):
        page.clock.run_for(60_000)
    after = size()
    # One more of anything for each second or question would be hundreds.
    assert after[0] - before[0] < 50 and after[1] - before[1] < 50
    assert after[2] - before[2] < 200_000


def test_without_script_the_page_still_says_everything(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url)
    expect(page.locator("#state")).to_have_text("LOCKED")
    expect(page.locator("#facts")).to_contain_text("9 of 14 used")
    expect(page.locator("code").first).to_have_text("127.0.0.1")
    page.get_by_role("link", name="The exact lines").click()
    expect(page.locator("pre").first).to_have_text("server 127.0.0.1 iburst")
    context.close()


def test_a_visitor_chooses_a_password_changes_a_setting_and_sees_what_was_wrong(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    expect(page).to_have_url(f"{served.url}/welcome")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_label("The same once more").fill("short")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    for label in ("Password", "The same once more"):
        page.get_by_label(label, exact=True).fill("green teapot rides")
    page.get_by_role("button", name="Begin").click()
    expect(page).to_have_url(f"{served.url}/settings")

    page.locator("#ntp__port").fill("99999")
    page.locator("#ntp__rate_burst").fill("77")
    page.get_by_role("button", name="Store").click()
    page.get_by_role("link", name="ntp.port").click()
    expect(page.locator("#ntp__port-error")).to_contain_text("want at most 65535")
    expect(page.locator("#ntp__rate_burst")).to_have_value("77")
    page.locator("#ntp__port").fill("11124")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("status").first).to_contain_text("Stored.")
    assert (served.box.settings.ntp.port, served.box.settings.ntp.rate_burst) == (11124, 77)

    page.get_by_role("button", name="Log out").click()
    page.goto(f"{served.url}/settings")
    expect(page).to_have_url(f"{served.url}/login")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(
    browser: Browser, served: Served, axe: str, scheme: Literal["light", "dark"]
) -> None:
    Recorder(served.box).look()
    # The policy would keep the checker out, as it should; the pages' own scripts are checked elsewhere.
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for path in (
        "/",
        "/history",
        "/sources",
        "/clients",
        "/help",
        "/welcome",
        "/clock?zones=UTC+Asia/Tokyo",
        "/no/such",
    ):
        page.goto(served.url + path)
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        assert found["passes"], path
        assert [(path, each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
    context.close()
