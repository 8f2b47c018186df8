"""`make page`: how large the page of 1,000 candidates is and how fast a browser opens it; screenshots of pages.

Needs Playwright and Chromium. Screenshots: `make page SCREENSHOTS=folder PAGES="a.html b.html"` writes each page in
light, in dark and on a phone (390 px). `make pictures` writes those of the documents and the committed studies, from
their ledgers: the page, and what a terminal shows (`--studies`).
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console
from rich.text import Text

from scaling_search.report.page.html import render
from tests.page import sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZE, SECONDS = 6e6, 2.0  # what a page of 1,000 candidates may take
COLUMNS = 100  # of the terminal that is shown
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
            picture = Image.open(io.BytesIO(tab.screenshot(full_page=True))).convert("RGB")
            # Flat colours: 256 of them look the same at a third of the size.
            picture.quantize(256, dither=Image.Dither.NONE).save(
                folder / f"{page.stem}-{look}.png", optimize=True
            )
            context.close()


def pictures(browser: Browser, studies: Iterable[Path]) -> None:
    """Of each study, in its folder: its page in every look, and its report as a terminal shows it."""
    for study in studies:
        ledger = study / "ledger.db"
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "page.html")
            run(["report", "--ledger", str(ledger), "--format", "html", "--output", str(page)])
            screenshots(browser, [page], study)
        (study / "terminal.svg").write_text(terminal(["report", "--ledger", str(ledger)]), "utf-8")


def terminal(words: Sequence[str]) -> str:
    """What a command shows in a terminal of 100 columns, as SVG."""
    shown = subprocess.run(
        [str(Path(sys.executable).with_name("scaling-search")), *words],
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "LANG": "C.UTF-8"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ scaling-search {words[0]}\n{shown}"))
    # An identifier that the content decides: the same file whenever the same is shown.
    return console.export_svg(title="scaling-search", unique_id="terminal")


def run(words: Sequence[str]) -> None:
    """A command of ours. Errors: RuntimeError where it fails."""
    from scaling_search.cli.main import run as command

    if code := command(list(words)):
        raise RuntimeError(f"scaling-search {' '.join(words)}: exit code {code}")


def main() -> int:
    """0 where size and time are kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--screenshots", type=Path)
    options.add_argument("--studies", type=Path, nargs="*", default=[], help="folders with a ledger.db")
    options.add_argument("pages", nargs="*", type=Path)
    given = options.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        if given.screenshots is not None:
            screenshots(browser, given.pages, given.screenshots)
            return 0
        if given.studies:
            pictures(browser, given.studies)
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
