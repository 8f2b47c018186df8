"""Writes the goldens anew: ``.venv/bin/python -m tests.report.regenerate``, then read the difference with git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scaling_search.report.render import render
from scaling_search.report.table import Document
from tests.report import answered, sample

GOLDENS = Path(__file__).parent / "goldens"
FORMATS: Mapping[str, tuple[Callable[[], Document], str, Mapping[str, Any]]] = {
    "report.txt": (sample.document, "text", {}),
    "report-wide.txt": (sample.document, "text", {"width": 200}),
    "report-color.txt": (sample.document, "text", {"color": True}),
    "report.md": (sample.document, "markdown", {}),
    "report.csv": (sample.document, "csv", {}),
    "report.json": (sample.document, "json", {}),
    "report.tex": (sample.document, "latex", {}),
    "report.html": (sample.document, "html", {}),
    "answer.txt": (answered.document, "text", {}),
    "answer-details.txt": (answered.document, "text", {"details": True}),
    "answer-ascii.txt": (answered.document, "text", {"encoding": "ascii"}),
    "answer.md": (answered.document, "markdown", {}),
    "answer.csv": (answered.document, "csv", {}),
    "answer.json": (answered.document, "json", {}),
    "answer.tex": (answered.document, "latex", {}),
    "answer.html": (answered.document, "html", {"details": True}),
}


def rendered(name: str) -> str:
    """What a golden should hold now."""
    document, form, options = FORMATS[name]
    return render(document(), form, **options)


if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for name in FORMATS:
        (GOLDENS / name).write_text(rendered(name), "utf-8")
