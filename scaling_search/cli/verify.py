"""`scaling-search verify`: every built-in network against the published figures."""

from __future__ import annotations

import typer

from scaling_search.cli import options


def verify(as_json: options.Json = False) -> None:
    """Count every built-in network against the published figures, and list published ones that contradict each other.

    Exit code 0 when every built-in network matches to the unit; 1, a bug of ours, when one does not.
    """
    from scaling_search.report.render import show
    from scaling_search.search.audit import published_figures as use_case
    from scaling_search.search.tables.verify_table import document

    found = use_case.verify()
    show(document(found, by_source=not as_json), "json" if as_json else "text")
    if not found.exact:
        raise typer.Exit(1)
