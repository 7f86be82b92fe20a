#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Take the pictures of the page that the documents show, from a box or a demo that runs.

    build/venv/bin/python scripts/page-pictures.py http://localhost:8080 docs/pages

Wants Debian's package chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 860}
PICTURES: tuple[tuple[str, str, ViewportSize, str], ...] = (
    ("status-phone", "/", PHONE, "light"),
    ("status-desk", "/", DESK, "dark"),
    ("history-desk", "/history", DESK, "light"),
    ("history-phone", "/history", PHONE, "dark"),
    ("sources-desk", "/sources", DESK, "dark"),
    ("help-desk", "/help", DESK, "light"),
    ("help-phone", "/help", PHONE, "dark"),
    ("clock-desk", "/clock?zones=Europe/Berlin UTC America/New_York Asia/Tokyo", DESK, "dark"),
)


def take(browser: Browser, url: str, folder: Path) -> None:
    for name, path, size, scheme in PICTURES:
        context = browser.new_context(viewport=size, color_scheme="dark" if scheme == "dark" else "light")
        page = context.new_page()
        page.goto(url + path)
        # The clock has asked, the charts are drawn.
        page.wait_for_timeout(2500)
        page.screenshot(path=folder / f"{name}.png")
        print(folder / f"{name}.png")
        context.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Take the pictures of the page for the documents.")
    parser.add_argument("url", help="where the page is, like http://localhost:8080")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("page-pictures: chromium is missing: apt install chromium", file=sys.stderr)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        take(browser, options.url.rstrip("/"), options.folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
