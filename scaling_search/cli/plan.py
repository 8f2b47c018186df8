"""`scaling-search plan`: what grid would do, before any compute."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from scaling_search.cli import groups, inputs, options


@groups.apart
def plan(
    start: groups.Start,
    subject: groups.Subject,
    triples: groups.Triples,
    cost: groups.Cost,
    training: groups.Training,
    build: groups.Build,
    power: Annotated[
        float | None,
        typer.Option(
            "--power",
            help="How many seeds a difference in accuracy needs, such as 0.01 (one point); needs finished trials.",
        ),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Compile and time a network or two on this device, for the forecast."),
    ] = False,
    workers: Annotated[
        int,
        typer.Option("--workers", help="Forecast the time of so many that train at once (grid --workers)."),
    ] = 1,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """What `grid` would do, before any compute: candidates, duplicates, real costs, time."""
    from scaling_search.cli.progress import ProgressBar
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.forecast.step_latency import timed_space
    from scaling_search.search.grid.requirements import requirements
    from scaling_search.search.plan.grid_plan import grid_plan
    from scaling_search.search.tables import plan_table

    settings = inputs.study(ledger, start, subject, triples, cost, training, build, table="grid")
    with ProgressBar() as bars:
        # A study has its data, and is compared with the ledger as it would be trained.
        own = start.study is not None or start.name is not None
        as_published = subject.as_published and not (own or measure)
        found = grid_plan(timed_space(settings, as_published=as_published, say=bars.note))
        say = bars.note if measure else None
        look = partial(requirements, found, difference=power, measure=say, workers=workers)
        ahead = inputs.with_ledger(ledger, look, needed=power is not None)
    show_or_dump(plan_table.document, plan_table.record, found, ahead, as_json=as_json)
