"""`scaling-search plan`: what grid would do, before any compute."""

from __future__ import annotations

from typing import Annotated

import typer

from scaling_search.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def plan(
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
    proxy_resolution: options.ProxyResolution = None,
    proxy_width: options.ProxyWidth = None,
    proxy_depth: options.ProxyDepth = None,
    depth_rounding: options.DepthRule = None,
    divisor: options.Divisor = None,
    power: Annotated[
        float | None,
        typer.Option(
            "--power", help="How many seeds a difference in accuracy needs, such as 0.01 (one point)."
        ),
    ] = None,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """What `grid` would do, before any compute: candidates, duplicates, real costs, time."""
    from scaling_search.report.render import show, write
    from scaling_search.report.to_json import dumps
    from scaling_search.search import outlook, plan_table
    from scaling_search.search import plan as use_case

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
        recipe__epochs=epochs,
        proxy__resolution=proxy_resolution,
        proxy__width=proxy_width,
        proxy__depth=proxy_depth,
        rounding__depth=depth_rounding,
        rounding__divisor=divisor,
    )
    found = use_case.plan(settings, as_published=baseline is not None and dataset is None)
    ahead = None
    if power is not None or options.exists(ledger):
        ahead = options.with_ledger(ledger, lambda opened: outlook.look(found, opened, power))
    if as_json:
        write(dumps(plan_table.record(found, ahead)))
    else:
        show(plan_table.document(found, ahead))
