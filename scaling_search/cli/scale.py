"""`scaling-search scale`: the best triple over phi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import groups, inputs, options


@groups.apart
def scale(
    *,
    start: groups.Start,
    coefficients: Annotated[
        str | None,
        typer.Option(
            "--coefficients",
            help="ALPHA,BETA,GAMMA in place of the ledger's winner, as they stand.",
        ),
    ] = None,
    out: Annotated[
        Path,
        options.path("--out", "Folder for one TOML file per phi."),
    ] = Path("networks"),
    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            help="Which family is trained: proxy (where the study has one), full, or none (write only).",
        ),
    ] = None,
    emit_only: Annotated[bool, typer.Option("--emit-only", help="The same as --train none.")] = False,
    factors: Annotated[
        str | None,
        typer.Option(
            "--factors", help="nominal: raise the triple to the power phi; realised: what it built."
        ),
    ] = None,
    cost: groups.Cost,
    subject: groups.Subject,
    training: groups.Training,
    member_time_limit: Annotated[
        str | None,
        typer.Option(
            "--member-time-limit", help="Do not train a member whose seed takes longer, such as 30m."
        ),
    ] = None,
    stop_when_flat: Annotated[
        bool,
        typer.Option("--stop-when-flat", help="Stop where the next step's predicted gain is within noise."),
    ] = False,
    build: groups.Build,
    keep_weights: Annotated[
        str | None,
        typer.Option(
            "--keep-weights",
            help="Weights to keep of each member: none, best (its best seed by validation; the default) or all; where "
            "given, members that were trained without are trained again.",
        ),
    ] = None,
    retry_failed: options.RetryFailed = False,
    workers: options.Workers = None,
    ray: options.RayAddress = None,
    checkpoints: options.Checkpoints = None,
    weights: options.InitialWeights = None,
    time_limit: options.TimeLimit = None,
    log: options.Log = None,
    quiet: options.Quiet = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
    details: options.Details = False,
) -> None:
    """Extrapolate the best triple: write one network file per phi, train and test what time and memory allow."""
    from scaling_search.cli.work import finish, work
    from scaling_search.report.render import show_or_dump
    from scaling_search.scaling.coefficients import parse_coefficients
    from scaling_search.search.family.document import document, record
    from scaling_search.search.family.scale import scale as use_case
    from scaling_search.search.plan.study_tables import parse_duration

    given = {
        "scale__train": "none" if emit_only else train,
        "scale__factors": factors,
        "scale__member_time_limit": member_time_limit,
    }
    settings = inputs.study(
        ledger, start, cost, subject, training, build, table="scale", newest=True, **given
    )
    triple = None if coefficients is None else parse_coefficients(coefficients)
    writes_only = settings.scale.train == "none"
    needs_ledger = not writes_only or triple is None or settings.scale.factors == "realised"
    with work(
        ledger, read_only=writes_only, needed=needs_ledger, log=log, quiet=quiet, workers=workers, ray=ray
    ) as at:
        result = use_case(
            settings,
            triple,
            ledger=at.ledger,
            # Coefficients from elsewhere are a formula: it is applied as it stands unless asked otherwise.
            match=cost.match or ("nominal" if triple else None),
            out=out,
            callbacks=at.callbacks,
            should_stop=at.should_stop,
            workers=at.workers,
            checkpoints=checkpoints,
            weights=weights,
            retry_failed=retry_failed,
            time_limit=None if time_limit is None else parse_duration(time_limit),
            stop_when_flat=stop_when_flat,
            keep_weights=keep_weights,
            constrained=False,
            as_published=writes_only and subject.as_published and start.study is None,
        )
    show_or_dump(document, record, result, as_json=as_json, details=details)
    finish(result.trials, nothing={row.state for row in result.trials} == {"diverged"})
