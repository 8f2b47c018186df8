"""Tables as one JSON document: each table's rows under its name, a missing figure null.

Names from outside are kept as they are, but escaped so that neither a terminal nor a page can run them.
"""

from __future__ import annotations

import json
from typing import Any

from scaling_search.report.table import Document, finite

# As in Django's json_script: inside a page, "</script>" or "<!--" would end the element that holds the JSON.
UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\x7f"}


def render(document: Document) -> str:
    """Answer, facts and tables at the top level; a table's reference row beside it, as "base".

    Tables of one name (families) are one list.
    """
    whole: dict[str, Any] = {"answer": list(document.answer)} if document.answer else {}
    whole |= {key: finite(value) for key, value in {**document.labels, **document.facts}.items()}
    tables: dict[str, Any] = {}
    for table in document.all_tables:
        if table.reference is not None:
            tables["base"] = table.record(table.reference)
        tables.setdefault(table.name, []).extend(table.record(row) for row in table.rows)
    whole |= tables
    whole["notes"] = list(document.all_notes)
    return dumps(whole)


def dumps(whole: Any) -> str:
    """Any JSON value, two spaces deep, ASCII only, with a final newline. NaN is an error (ValueError)."""
    return json.dumps(whole, indent=2, allow_nan=False).translate(UNSAFE) + "\n"
