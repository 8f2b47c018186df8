"""Tables as one CSV (RFC 4180, but lines end in LF): every figure in full, missing ones empty.

The first column, ``table``, says which table a line belongs to; a column that a table does not have is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scaling_search.report.escape import for_csv
from scaling_search.report.table import Document


def render(document: Document) -> str:
    """All rows of all tables under the union of their columns."""
    records = list(_records(document))
    names = list(dict.fromkeys(name for table in document.tables for c in table.columns for name in c.names))
    lines = [",".join(["table", *names])]
    for table, record in records:
        lines.append(",".join([for_csv(table), *(_cell(record[n]) if n in record else "" for n in names)]))
    return "\n".join(lines) + "\n"


def _records(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for table in document.tables:
        if table.reference is not None:
            yield f"{table.name} {table.reference_name}", table.record(table.reference)
        for row in table.rows:
            yield table.name, table.record(row)


def _cell(part: Any) -> str:
    if part is None:
        return ""
    if isinstance(part, bool):
        return str(part).lower()
    if isinstance(part, int | float):
        return repr(part)
    return for_csv(part if isinstance(part, str) else json.dumps(part, allow_nan=False))
