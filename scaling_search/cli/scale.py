"""`scaling-search scale`: the best triple over phi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import options
from scaling_search.cli.groups import apart

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
@apart
def scale(
    *,
    start: options.Start,
    coefficients: Annotated[
        str | None,
        typer.Option(
            "--coefficients",
            help="ALPHA,BETA,GAMMA in place of the ledger's winner, as they stand.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for one TOML file per phi.")] = Path("networks"),
    emit_only: Annotated[bool, typer.Option("--emit-only", help="Write the files and stop.")] = False,
    cost: options.Cost,
    subject: options.Subject,
    training: options.Training,
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", help="Do not train a member that takes longer, per seed.")
    ] = None,
    stop_when_flat: Annotated[
        bool,
        typer.Option("--stop-when-flat", help="Stop where the next step's predicted gain is within noise."),
    ] = False,
    build: options.Build,
    retry_failed: options.RetryFailed = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """Extrapolate the best triple: write one network file per phi, train and test what time and memory allow."""
    from scaling_search.report.render import show, write
    from scaling_search.report.to_json import dumps
    from scaling_search.search import family_table
    from scaling_search.search import scale as use_case
    from scaling_search.search.budget import Meter

    settings = options.study(
        start, cost, subject, training, build, table="scale", scale__max_minutes=max_minutes
    )
    triple = None if coefficients is None else use_case.parse_coefficients(coefficients)
    # Coefficients from elsewhere are a formula: it is applied as it stands unless asked otherwise.
    rule = cost.match or ("nominal" if triple else settings.grid.match)
    as_published = emit_only and subject.as_published
    if emit_only:
        triple = triple or options.with_ledger(ledger, lambda opened: use_case.winner(settings, opened))
        members = use_case.family(settings, triple, match=rule, as_published=as_published)
        files = use_case.emit(members, out)
        if as_json:
            write(dumps(family_table.emitted_record(triple, files)))
        else:
            show(family_table.emitted_document(triple, files))
        return

    from scaling_search.cli.work import finish, work

    with work(ledger, "scaling-search scale …") as at:
        triple = triple or use_case.winner(settings, at.ledger)
        meter = Meter(settings, say=at.bars.note, should_stop=lambda: at.stop.requested)
        members = use_case.family(settings, triple, match=rule, meter=meter)
        files = use_case.emit(members, out)
        trained = use_case.train(
            settings,
            at.ledger,
            members,
            match=rule,
            watcher=at.bars,
            should_stop=lambda: at.stop.requested,
            checkpoints=at.checkpoints,
            retry_failed=retry_failed,
            stop_when_flat=stop_when_flat,
        )
        report, trials = family_table.report_of(at.ledger, settings.name)
    if as_json:
        write(dumps(family_table.record(report, triple, files, trained)))
    else:
        show(family_table.document(report, triple, out))
    finish(trials)
