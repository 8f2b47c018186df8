"""The page: one HTML file with its data, style and script inside, that loads nothing and works from disk.

Nothing but the style and the script written here may run or apply: the content security policy names both by their
SHA-256. The data stand in a JSON element that is never run, and the script writes text as text, never as markup.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib import resources

from scaling_search.report.escape import for_html
from scaling_search.report.figures import MISSING
from scaling_search.report.formats.html import answer_line, page
from scaling_search.report.page import encode
from scaling_search.report.page.data import ReportData
from scaling_search.report.table import Scalar

# In the order in which they need each other; together they are one module.
SCRIPTS = (
    "dom.js",
    "model.js",
    "picks.js",
    "chart.js",
    "view.js",
    "rows.js",
    "views/cost.js",
    "views/doubling.js",
    "views/behind.js",
    "views/race.js",
    "views/curves.js",
    "views/splits.js",
    "views/family.js",
    "views/classes.js",
    "views/forecast.js",
    "views/images.js",
    "table.js",
    "main.js",
)


def render(data: ReportData) -> str:
    """The complete page."""
    style = _asset("page.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src {_hashed(script)}; style-src {_hashed(style)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    private = '<meta name="referrer" content="no-referrer">'
    return page(data.title, _content(data, script), style=style, policy=policy, head=(private,))


def _content(data: ReportData, script: str) -> Iterator[str]:
    yield '<a class="skip" href="#table">Skip to the table of candidates</a>'
    yield f"<h1>{for_html(data.title)} · {for_html(data.baseline)} on {for_html(data.dataset)}</h1>"
    yield '<section class="answer" aria-label="Answer">'
    yield from (f"<p>{answer_line(line)}</p>" for line in data.answer)
    yield "</section>"
    if data.opening:
        yield from _facts({"Base": data.opening})
    yield "<noscript><p>The charts and the table need JavaScript. Without it: --format markdown.</p></noscript>"
    yield '<section id="picks" aria-label="Picked candidates"></section>'
    yield '<main id="views"></main>'
    yield from _facts(data.facts)
    if data.notes:
        yield '<ul class="notes">'
        yield from (f"<li>{for_html(note)}</li>" for note in data.notes)
        yield "</ul>"
    yield '<div id="card" role="tooltip" hidden></div>'
    yield f'<script type="application/json" id="data">{encode.dumps(data)}</script>'
    yield f'<script type="module">{script}</script>'


def _facts(facts: Mapping[str, Mapping[str, Scalar]]) -> Iterator[str]:
    if not facts:
        return
    yield '<div class="facts">'
    for title, group in facts.items():
        yield f"<section><h2>{for_html(title)}</h2><dl>"
        for name, value in group.items():
            shown = MISSING if value is None else str(value)
            yield f"<dt>{for_html(name.replace('_', ' '))}</dt><dd>{for_html(shown)}</dd>"
        yield "</dl></section>"
    yield "</div>"


def _asset(name: str) -> str:
    folder = resources.files("scaling_search.report.page").joinpath("assets")
    return f"\n{folder.joinpath(name).read_text('utf-8')}"


def _hashed(text: str) -> str:
    """As the policy names what may run: of the element's text, to the letter."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
