"""Tables as one CSV (RFC 4180, but lines end in LF): every figure in full, missing ones empty.

The first column, ``table``, says which table a line belongs to; a column that a table does not have is empty.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from scaling_search.report.escape import for_csv
from scaling_search.report.table import Column, Document, Row, Table


def render(document: Document) -> str:
    """All rows of all tables, those of the details too, under the union of their columns."""
    tables = document.all_tables
    names = list(
        dict.fromkeys(name for table in tables for column in table.columns for name in _names(column))
    )
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", *names])
    for table, record in _records(document):
        writer.writerow([for_csv(table), *(_cell(record.get(name)) for name in names)])
    return file.getvalue()


def _records(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in document.all_tables:
        if table.reference is not None:
            yield f"{table.name} base", _record(table, table.reference)
        for row in table.rows:
            yield table.name, _record(table, row)


def _names(column: Column) -> tuple[str, ...]:
    return column.csv_fields or column.names


def _record(table: Table, row: Row) -> dict[str, Any]:
    record = table.record(row)
    for column in table.columns:
        if column.csv_fields:
            parts = (record.pop(column.key) or {}).values() or [None] * len(column.csv_fields)
            record |= zip(column.csv_fields, parts, strict=True)
    return record


def _cell(part: Any) -> str | int | float | None:
    if isinstance(part, bool):
        return str(part).lower()
    if part is None or isinstance(part, int | float):
        return part
    return for_csv(part if isinstance(part, str) else json.dumps(part, allow_nan=False))
