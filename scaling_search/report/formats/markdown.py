"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_search.report.escape import for_markdown
from scaling_search.report.figures import MISSING
from scaling_search.report.table import Document, Table


def render(document: Document) -> str:
    """Headings, facts as a list, tables, notes as lists."""
    parts = []
    if document.title:
        parts.append(f"# {for_markdown(document.title)}")
    if document.facts:
        parts.append(
            "\n".join(
                f"- {for_markdown(key.replace('_', ' '))}: "
                f"{for_markdown(MISSING if value is None else str(value))}"
                for key, value in document.facts.items()
            )
        )
    parts += [_table(table) for table in document.tables]
    parts += _notes(document.notes)
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    columns = table.visible
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
