"""A real browser for the page: Debian's Chromium, driven by Playwright. Without one its tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scaling_search.report.page.html import render
from tests.page import sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox where the tests run as root; the others keep the browser from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once for all tests of a process."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install playwright"
    )
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(NAMES)}): apt-get install chromium")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield found
        found.close()


class Opened:
    """A page from disk, with everything that it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def run(self, script: str) -> Any:
        """What a JavaScript expression gives."""
        return self.page.evaluate(script)

    def reset(self) -> None:
        """As when it was opened: the winner alone is picked, no card is shown, the top is in sight."""
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.locator("#picks button", has_text="Clear").click(force=True)
        self.page.locator("#picks select").select_option("1")
        self.run("scrollTo(0, 0)")
        self.page.mouse.move(2, 2)


Open = Callable[..., Opened]
Files = Callable[[str], Path]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The page of one of the samples, written once."""
    folder = tmp_path_factory.mktemp("pages")

    def written(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(render(sample.CASES[name]()), "utf-8")
        return path

    return written


@pytest.fixture(scope="session")
def open_page(browser: Browser, files: Files) -> Iterator[Open]:
    """Opens a sample at a width, in light or dark."""
    contexts = []

    def opened(name: str, *, width: int = 1440, scheme: str = "light") -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.goto(files(name).as_uri())
        found.page.wait_for_selector("html[data-ready]", state="attached")
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def decided_page(open_page: Open) -> Opened:
    """The sample that has every view, opened once."""
    return open_page("decided")


@pytest.fixture
def decided(decided_page: Opened) -> Opened:
    """The same page as if it had just been opened."""
    decided_page.reset()
    return decided_page
