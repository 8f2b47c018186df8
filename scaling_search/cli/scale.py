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
    from scaling_search.cli.progress import say
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import show, write
    from scaling_search.search.family import members as use_case
    from scaling_search.search.family import results
    from scaling_search.search.family.training import train
    from scaling_search.search.forecast.step_latency import step_timer
    from scaling_search.search.grid.ledger_results import winner
    from scaling_search.search.plan.budget import Meter
    from scaling_search.search.tables.family_table import document, emitted_document, emitted_record, record

    settings = options.study(
        start, cost, subject, training, build, table="scale", scale__max_minutes=max_minutes
    )
    triple = None if coefficients is None else use_case.parse_coefficients(coefficients)
    # Coefficients from elsewhere are a formula: it is applied as it stands unless asked otherwise.
    rule = cost.match or ("nominal" if triple else settings.grid.match)
    as_published = emit_only and subject.as_published
    if emit_only:
        triple = triple or options.with_ledger(ledger, lambda opened: winner(settings, opened))
        meter = Meter(settings, step_seconds=step_timer(settings, say=say))
        members = use_case.family(settings, triple, match=rule, as_published=as_published, meter=meter)
        files = use_case.emit(members, out)
        if as_json:
            write(dumps(emitted_record(triple, files)))
        else:
            show(emitted_document(triple, files))
        return

    from scaling_search.cli.work import finish, work

    with work(ledger, "scaling-search scale …") as at:
        triple = triple or winner(settings, at.ledger)
        timer = step_timer(settings, say=at.bars.note, should_stop=lambda: at.stop.requested)
        meter = Meter(settings, step_seconds=timer)
        members = use_case.family(settings, triple, match=rule, meter=meter)
        files = use_case.emit(members, out)
        trained = train(
            settings,
            at.ledger,
            members,
            match=rule,
            callback=at.bars,
            should_stop=lambda: at.stop.requested,
            checkpoints=at.checkpoints,
            retry_failed=retry_failed,
            stop_when_flat=stop_when_flat,
        )
        report, trials = results.report_of(at.ledger, settings.name)
    if as_json:
        write(dumps(record(report, triple, files, trained)))
    else:
        show(document(report, triple, out))
    finish(trials)
