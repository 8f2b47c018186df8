"""`scaling-search report`: tables from the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def report(
    study: Annotated[
        str | None,
        typer.Option("--study", help="Name of a study in the ledger, or its file. Default: the newest."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, csv, json, latex or html.")] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", help="Write to a file instead of stdout.")
    ] = None,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
    details: options.Details = False,
) -> None:
    """Accuracy and MACs tables: the grid, the family, and the published EfficientNets beside them."""
    # Threads of NumPy's BLAS wait for each other longer than they save on matrices as small as these.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from scaling_search.report.render import render, show
    from scaling_search.search.tables import study_report
    from scaling_search.system.files import save

    form = "json" if as_json else form
    document = options.with_ledger(
        ledger, lambda opened: study_report.document(opened.snapshot(), study, place=ledger)
    )
    if output is None:
        show(document, form, details=details)
    else:
        save(render(document, form, details=details), output)
