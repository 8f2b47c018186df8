"""The whole report as one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scaling_search.report.escape import commands, for_html
from scaling_search.report.figures import MISSING
from scaling_search.report.table import Column, Document, Row, Table

# Colours that differ for the colour-blind as well (Okabe & Ito), darker or lighter to suit the paper.
_STYLE = """
:root { --paper: #fff; --ink: #1c1f23; --soft: #5b636e; --rule: #dde1e6; --shade: #f4f6f8;
  --blue: #0067a5; --orange: #b8500a; --green: #00805f; --grey: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e8ea; --soft: #9aa3ad;
  --rule: #32383f; --shade: #1d2226; --blue: #5ab4e8; --orange: #f0975a; --green: #3cc9a0; --grey: #a0a8b2; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
  margin: 0 auto; max-width: 1600px; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
dl { display: grid; gap: .1rem 1rem; grid-template-columns: max-content 1fr; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid var(--ink); max-width: 9rem; vertical-align: bottom; }
td { white-space: nowrap; } .n { text-align: right; }
td.long { max-width: 22rem; min-width: 14rem; overflow-wrap: anywhere; white-space: normal; }
tr.strong td { font-weight: 650; } tr.faint td { color: var(--soft); }
tr.reference td { background: var(--shade); border-bottom: 2px solid var(--rule); }
.answer { font-size: 1.05rem; margin: .4rem 0 1rem; } .answer p { margin: .15rem 0; overflow-wrap: anywhere; }
.answer p:first-child { font-size: 1.3rem; font-weight: 650; }
code { background: var(--shade); padding: .1rem .35rem; } code span { display: inline-block; max-width: 100%; }
details { margin-top: 2rem; } summary { cursor: pointer; }
ul { color: var(--soft); font-size: .85rem; padding-left: 1.2rem; }
"""
# Characters from which on a cell wraps; shorter ones are read at a glance, in one line.
_LONG = 40
# Nothing may be loaded or run, whatever a name turns out to contain.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(document: Document, *, details: bool = False) -> str:
    """A complete HTML page; the details folded, open where asked for."""
    title = document.title or document.tables[0].title
    return page(title, _body(document, details), style=_STYLE, policy=_POLICY)


def page(title: str, content: Iterable[str], *, style: str, policy: str, head: Sequence[str] = ()) -> str:
    """A complete page of lines of HTML: ``policy`` is its content security policy, ``head`` more for its head."""
    lines = (
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        *head,
        f"<title>{for_html(title)}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        *content,
        "</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


def body(document: Document) -> str:
    """What stands inside of the page, for another page (a notebook's) to hold."""
    return "\n".join(_body(document, False)) + "\n"


def _body(document: Document, details: bool) -> Iterator[str]:
    if document.title:
        yield f"<h1>{for_html(document.title)}</h1>"
    if document.answer:
        yield '<div class="answer">'
        yield from (f"<p>{answer_line(line)}</p>" for line in document.answer)
        yield "</div>"
    if document.facts:
        yield "<dl>"
        for key, value in document.facts.items():
            shown = for_html(MISSING if value is None else str(value))
            yield f"<dt>{for_html(key.replace('_', ' '))}</dt><dd>{shown}</dd>"
        yield "</dl>"
    for table in document.tables:
        yield from _table(table, table.visible)
    yield from _notes(document.notes)
    if document.folded_tables or document.details.notes:
        yield f"<details{' open' if details else ''}><summary>Details</summary>"
        for table in document.folded_tables:
            yield from _table(table, table.seen(details=True))
        yield from _notes(document.details.notes)
        yield "</details>"


def answer_line(line: str) -> str:
    """One line of an answer, its commands as code that breaks between words only (never after a hyphen)."""
    return "".join(_code(part) if code else for_html(part) for part, code in commands(line))


def _code(command: str) -> str:
    words = (f"<span>{for_html(word)}</span>" for word in command.split())
    return f"<code>{' '.join(words)}</code>"


def _table(table: Table, columns: tuple[Column, ...]) -> Iterator[str]:
    sides = ["n" if column.align == "right" else "t" for column in columns]
    if table.title:
        yield f"<h2>{for_html(table.title)}</h2>"
    yield '<div class="scroll"><table>'
    titles = (
        f'<th scope="col" class="{side}">{for_html(c.title)}</th>'
        for side, c in zip(sides, columns, strict=True)
    )
    yield f"<thead><tr>{''.join(titles)}</tr></thead>"
    yield "<tbody>"
    for row, texts in zip(table.all_rows, table.texts(columns), strict=True):
        cells = (
            f'<td class="{side}{" long" * (len(text) > _LONG)}">{for_html(text)}</td>'
            for side, text in zip(sides, texts, strict=True)
        )
        yield f"<tr{_look(table, row)}>{''.join(cells)}</tr>"
    yield "</tbody>"
    yield "</table></div>"
    yield from _notes(table.notes)


def _look(table: Table, row: Row) -> str:
    look = "reference" if row is table.reference else row.emphasis
    return "" if look == "plain" else f' class="{look}"'


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield f"<ul>{''.join(f'<li>{for_html(note)}</li>' for note in notes)}</ul>"
