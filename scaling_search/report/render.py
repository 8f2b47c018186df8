"""One door to all formats, and to the place a document goes: a stream or a file."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from scaling_search.errors import UsageError, suggest
from scaling_search.report.escape import encodable
from scaling_search.report.table import Document, Table, of

FORMATS = ("text", "markdown", "csv", "json", "latex", "html")
_ENDINGS = {
    ".md": "markdown",
    ".csv": "csv",
    ".json": "json",
    ".tex": "latex",
    ".html": "html",
    ".htm": "html",
}


def form_of(named: str | None, output: Path | None) -> str:
    """The format that is named, else the one that a file's name ends in, else text.

    >>> form_of(None, Path("report.html")), form_of("csv", Path("report.html")), form_of(None, None)
    ('html', 'csv', 'text')
    """
    return named or _ENDINGS.get("" if output is None else output.suffix.lower(), "text")


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where text goes: its width in columns, whether it takes colour, and the encoding of its letters."""

    width: int = 80
    color: bool = False
    encoding: str = "utf-8"


def terminal(stream: TextIO | None = None) -> Terminal:
    """The terminal behind a stream (standard output). ``COLUMNS``, ``NO_COLOR`` and ``TERM=dumb`` are honoured.

    What is no terminal gets 80 columns (or ``COLUMNS``) and no colour. See https://no-color.org.
    """
    stream = sys.stdout if stream is None else stream
    color = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Terminal(
        width=max(40, shutil.get_terminal_size((80, 24)).columns),
        color=color,
        encoding=getattr(stream, "encoding", None) or "utf-8",
    )


def render(
    document: Document | Table,
    form: str,
    *,
    details: bool = False,
    width: int = 80,
    color: bool = False,
    encoding: str = "utf-8",
) -> str:
    """The document in one of ``FORMATS``. Errors: UsageError.

    ``details`` shows (text) or opens (markdown, html) what is folded away; the others have everything. ``width``,
    ``color`` and ``encoding`` are those of the terminal that text is for.
    """
    whole = of(document) if isinstance(document, Table) else document
    if form not in FORMATS:
        raise UsageError(suggest("format", form, FORMATS))
    renderer = importlib.import_module(f"scaling_search.report.formats.{form}")
    options: dict[str, Any] = {"details": details} if form in ("text", "markdown", "html") else {}
    if form == "text":
        options |= {"width": width, "color": color, "encoding": encoding}
    return str(renderer.render(whole, **options))


def show(
    document: Document | Table, form: str = "text", *, details: bool = False, stream: TextIO | None = None
) -> None:
    """Write a document to a stream (standard output), fitted to the terminal behind it."""
    stream = sys.stdout if stream is None else stream
    write(render(document, form, details=details, **vars(terminal(stream))), stream=stream)


def show_or_dump(
    document: Callable[..., Document | Table],
    record: Callable[..., Any],
    *of: Any,
    as_json: bool,
    details: bool = False,
) -> None:
    """Write to standard output the document that is made ``of`` something or, in its place, a record as JSON."""
    from scaling_search.report.formats.json import dumps

    if as_json:
        write(dumps(record(*of)))
    else:
        show(document(*of), details=details)


def write(text: str, *, stream: TextIO | None = None) -> None:
    """Write text to a stream (standard output) whose encoding may lack Greek and signs: those are spelled out."""
    stream = sys.stdout if stream is None else stream
    stream.write(encodable(text, getattr(stream, "encoding", None) or "utf-8"))
    stream.flush()
