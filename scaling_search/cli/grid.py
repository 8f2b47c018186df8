"""`scaling-search grid`: the search."""

from __future__ import annotations

from typing import Annotated

import typer

from scaling_search.cli import groups, inputs, options


@groups.apart
def grid(
    start: groups.Start,
    subject: groups.Subject,
    triples: groups.Triples,
    cost: groups.Cost,
    training: groups.Training,
    deciding: groups.Deciding,
    build: groups.Build,
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="One more seed for each candidate still open, until the search is decided.",
        ),
    ] = False,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Train every candidate with every seed; no racing.")
    ] = False,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Refuse to compare trials of different arithmetics (with and without kernels)."
        ),
    ] = False,
    keep_weights: Annotated[
        str,
        typer.Option(
            "--keep-weights",
            help="Weights to keep of what is trained: none, best (each network's best seed by validation) or all; "
            "`predict winner` and `export winner` use them.",
        ),
    ] = "none",
    retry_failed: options.RetryFailed = False,
    workers: options.Workers = None,
    ray: options.RayAddress = None,
    checkpoints: options.Checkpoints = None,
    weights: options.InitialWeights = None,
    time_limit: options.TimeLimit = None,
    log: options.Log = None,
    quiet: options.Quiet = False,
    details: options.Details = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """Train every candidate not yet in the ledger, and choose. Running it again continues."""
    from scaling_search.cli.work import finish, work
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.grid import search
    from scaling_search.search.plan.study_tables import parse_duration
    from scaling_search.search.tables.grid_table import record

    settings = inputs.study(
        ledger,
        start,
        subject,
        triples,
        cost,
        training,
        deciding,
        build,
        table="grid",
        grid__racing=False if exhaustive else None,
    )
    with work(ledger, log=log, quiet=quiet, workers=workers, ray=ray) as at:
        result = search.grid(
            settings,
            ledger=at.ledger,
            callbacks=at.callbacks,
            should_stop=at.should_stop,
            workers=at.workers,
            checkpoints=checkpoints,
            weights=weights,
            keep_weights=keep_weights,
            retry_failed=retry_failed,
            until_decided=until_decided,
            exact=exact,
            time_limit=None if time_limit is None else parse_duration(time_limit),
        )
    show_or_dump(lambda found: found.document, record, result, as_json=as_json, details=details)
    # One that the time limit ended before a candidate's first trial goes on where it stopped: nothing has failed.
    over = any(row.state not in ("waiting", "running") for row in result.trials)
    finish(result.trials, nothing=over and result.winner is None and result.found.unfinished == 0)
