"""`scaling-search report`: tables, the page and figures from the ledger."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import inputs, options


def report(
    study: options.StudyName = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, markdown, csv, json, latex, or html (the interactive page). Default: by the ending of "
            "--output, else text.",
        ),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(
            "--figure",
            help="A figure for a paper into --output (.svg, .pdf, .png): accuracy-cost, doubling, behind-the-best, "
            "race or family.",
        ),
    ] = None,
    output: options.Output = None,
    maps: Annotated[
        Path | None,
        options.path("--maps", "A folder that `predict --maps` wrote, to be shown in the page."),
    ] = None,
    all_families: Annotated[
        bool, typer.Option("--all-families", help="Every family of the study, not the winner's alone.")
    ] = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    checkpoints: options.Checkpoints = None,
    as_json: options.Json = False,
    details: options.Details = False,
) -> None:
    """Accuracy and MACs: the answer, the grid and the family; as tables, as a page, as figures."""
    # Threads of NumPy's BLAS wait for each other longer than they save on matrices as small as these.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from scaling_search.errors import UsageError
    from scaling_search.report.render import form_of, render, show, write
    from scaling_search.search.tables import study_report
    from scaling_search.search.trial.weights import Checkpoints
    from scaling_search.system.files import save

    if figure is not None and output is None:
        raise UsageError("--figure needs --output FILE.svg, .pdf or .png")
    found = inputs.with_ledger(
        ledger,
        lambda opened: study_report.read(
            opened.snapshot(),
            study,
            every_family=all_families,
            place=ledger,
            checkpoints=Checkpoints.of(opened, checkpoints),
        ),
    )
    form = "json" if as_json else form_of(form, output)
    if figure is not None and output is not None:
        from scaling_search.report.plots.figure import save_figure

        save_figure(found.page(), figure, output)
    elif form == "html":
        from scaling_search.report.page.html import render as page
        from scaling_search.search.members.maps import read_maps

        text = page(found.page(() if maps is None else read_maps(maps)))
        write(text) if output is None else save(text, output)
    elif output is None:
        show(found.document(), form, details=details)
    else:
        save(render(found.document(), form, details=details), output)
