"""`scaling-search grid`: the search."""

from __future__ import annotations

from typing import Annotated

import typer

from scaling_search.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def grid(
    study: options.StudyFile = None,
    phi: options.Phi = None,
    baseline: options.Baseline = None,
    dataset: options.DatasetName = None,
    alpha: options.Alpha = None,
    beta: options.Beta = None,
    gamma: options.Gamma = None,
    tolerance: options.Tolerance = None,
    match: options.Match = None,
    macs_tolerance: options.MacsTolerance = None,
    seeds: options.Seeds = None,
    epochs: options.Epochs = None,
    batch_size: options.Batch = None,
    proxy_resolution: options.ProxyResolution = None,
    proxy_width: options.ProxyWidth = None,
    proxy_depth: options.ProxyDepth = None,
    depth_rounding: options.DepthRule = None,
    divisor: options.Divisor = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Train every candidate with every seed; no racing.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try trials again that failed before.")
    ] = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """Train every candidate not yet in the ledger, and choose. Running it again continues."""
    from scaling_search.cli.work import finish, work
    from scaling_search.report.render import show, write
    from scaling_search.report.study import adjusted_table, grid_table
    from scaling_search.report.table import Document
    from scaling_search.report.to_json import dumps
    from scaling_search.search import grid as use_case
    from scaling_search.search.findings import record, report_of

    settings = options.study(
        study,
        grid__phi=phi,
        baseline=baseline,
        dataset__name=dataset,
        grid__alpha=alpha,
        grid__beta=beta,
        grid__gamma=gamma,
        grid__tolerance=tolerance,
        grid__match=match,
        grid__macs_tolerance=macs_tolerance,
        grid__seeds=seeds,
        grid__racing=False if exhaustive else None,
        recipe__epochs=epochs,
        recipe__batch_size=batch_size,
        proxy__resolution=proxy_resolution,
        proxy__width=proxy_width,
        proxy__depth=proxy_depth,
        rounding__depth=depth_rounding,
        rounding__divisor=divisor,
    )
    with work(ledger, "scaling-search grid …") as at:
        outcome = use_case.grid(
            settings,
            at.ledger,
            watcher=at.bars,
            should_stop=lambda: at.stop.requested,
            checkpoints=at.checkpoints,
            retry_failed=retry_failed,
        )
        report = report_of(at.ledger, settings, outcome.trials, outcome.found)
    if as_json:
        write(dumps(record(settings, outcome)))
    else:
        moved = any(row.status != "kept" for row in (*report.rows, *report.dropped))
        tables = (grid_table(report), *((adjusted_table(report),) if moved else ()))
        show(Document(title="", tables=tables))
    finish(outcome.trials)
