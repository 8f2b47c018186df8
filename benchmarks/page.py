"""`make page`: how large the page of 1,000 candidates is and how fast a browser opens it; screenshots of pages.

Needs Playwright and Chromium. Screenshots: `make page SCREENSHOTS=folder PAGES="a.html b.html"` writes each page in
light, in dark and on a phone (390 px).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.report.page.html import render
from tests.page import sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZE, SECONDS = 6e6, 2.0  # what a page of 1,000 candidates may take
LOOKS = {"light": (1440, "light"), "dark": (1440, "dark"), "phone": (390, "light")}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


def opened(browser: Browser, page: Path) -> float:
    """Seconds from the start of the navigation until every view is drawn."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.goto(page.as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    # The drawing itself comes after the script: wait for the frame that shows it.
    milliseconds = tab.evaluate(
        "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"
    )
    tab.close()
    return float(milliseconds) / 1000


def screenshots(browser: Browser, pages: Iterable[Path], folder: Path) -> None:
    """Each page as a whole, in every look."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for look, (width, scheme) in LOOKS.items():
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            tab = context.new_page()
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-ready]", state="attached")
            tab.screenshot(path=folder / f"{page.stem}-{look}.png", full_page=True)
            context.close()


def main() -> int:
    """0 where size and time are kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--screenshots", type=Path)
    options.add_argument("pages", nargs="*", type=Path)
    given = options.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        if given.screenshots is not None:
            screenshots(browser, given.pages, given.screenshots)
            return 0
        page = Path(folder, "page.html")
        page.write_text(render(sample.thousand()), "utf-8")
        size = page.stat().st_size
        times = [opened(browser, page) for _ in range(given.repeats)]
        browser.close()
    middle = statistics.median(times)
    print(f"1,000 candidates, 3 seeds of 30 epochs: {size / 1e6:.2f} MB (at most {SIZE / 1e6:.0f})")
    print(
        f"opens in {middle:.2f} s, median of {len(times)} [{min(times):.2f}, {max(times):.2f}] (at most {SECONDS:.0f})"
    )
    return int(size > SIZE or middle > SECONDS)


if __name__ == "__main__":
    sys.exit(main())
