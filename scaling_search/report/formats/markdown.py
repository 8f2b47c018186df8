"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_search.report.escape import clean, commands, for_markdown
from scaling_search.report.figures import MISSING
from scaling_search.report.table import Column, Document, Table


def render(document: Document, *, details: bool = False) -> str:
    """Headings, the answer, facts as a list, tables, notes as lists; the details folded, open where asked for."""
    parts = []
    if document.title:
        parts.append(f"# {for_markdown(document.title)}")
    if document.answer:
        first, *rest = (_answer(line) for line in document.answer)
        parts.append("\\\n".join([f"**{first}**", *rest]))
    if document.facts:
        parts.append(
            "\n".join(
                f"- {for_markdown(key.replace('_', ' '))}: "
                f"{for_markdown(MISSING if value is None else str(value))}"
                for key, value in document.facts.items()
            )
        )
    parts += [_table(table, table.visible) for table in document.tables]
    parts += _notes(document.notes)
    if document.folded_tables or document.details.notes:
        parts.append(f"<details{' open' if details else ''}>\n<summary>Details</summary>")
        parts += [_table(table, table.seen(details=True)) for table in document.folded_tables]
        parts += _notes(document.details.notes)
        parts.append("</details>")
    return "\n\n".join(parts) + "\n"


def _answer(line: str) -> str:
    return "".join(f"`{clean(part)}`" if code else for_markdown(part) for part, code in commands(line))


def _table(table: Table, columns: tuple[Column, ...]) -> str:
    cells = [[for_markdown(cell) for cell in row] for row in table.texts(columns)]
    lines = [
        _line([for_markdown(column.title) for column in columns]),
        _line(["---:" if column.align == "right" else ":---" for column in columns]),
    ]
    for row, texts in zip(table.all_rows, cells, strict=True):
        lines.append(_line([f"**{text}**" if text and row.emphasis == "strong" else text for text in texts]))
    parts = [f"## {for_markdown(table.title)}"] if table.title else []
    parts.append("\n".join(lines))
    return "\n\n".join([*parts, *_notes(table.notes)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(notes: Sequence[str]) -> list[str]:
    return ["\n".join(f"- {for_markdown(note)}" for note in notes)] if notes else []
