"""Writes the goldens anew: ``.venv/bin/python -m tests.report.regenerate``, then read the difference with git."""

from __future__ import annotations

from pathlib import Path

from scaling_search.report.render import render
from tests.report import sample

GOLDENS = Path(__file__).parent / "goldens"
FORMATS = {
    "report.txt": ("text", 80, False),
    "report-wide.txt": ("text", 200, False),
    "report-color.txt": ("text", 80, True),
    "report.md": ("markdown", 80, False),
    "report.csv": ("csv", 80, False),
    "report.json": ("json", 80, False),
    "report.tex": ("latex", 80, False),
    "report.html": ("html", 80, False),
}


def rendered(name: str) -> str:
    """What a golden should hold now."""
    form, width, color = FORMATS[name]
    return render(sample.document(), form, width=width, color=color)


if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for name in FORMATS:
        (GOLDENS / name).write_text(rendered(name), "utf-8")
