"""`scaling-search recipe`: does the ranking depend on the recipe?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from scaling_search.cli import groups, inputs, options
from scaling_search.report.figures import count


@groups.apart
def recipe(
    start: groups.Start,
    subject: groups.Subject,
    triples: groups.Triples,
    cost: groups.Cost,
    training: groups.Training,
    deciding: groups.Deciding,
    build: groups.Build,
    write_to: Annotated[
        Path | None,
        options.path(
            "--write",
            "Put the rate and the length that are named into this study file; a new one has the whole study.",
            parser=options.new_file,
            metavar="FILE",
        ),
    ] = None,
    retry_failed: options.RetryFailed = False,
    workers: options.Workers = None,
    ray: options.RayAddress = None,
    checkpoints: options.Checkpoints = None,
    time_limit: options.TimeLimit = None,
    log: options.Log = None,
    quiet: options.Quiet = False,
    details: options.Details = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """Train the base and the extreme candidates at three rates and two lengths: does their order depend on that?

    Running it again continues. Where twice the length changes the order, longer ones are tried, up to 16 times.
    """
    from scaling_search.cli.progress import say
    from scaling_search.cli.work import finish, work
    from scaling_search.ledger.storage.rows import CHECK
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.plan.study import read as read_study
    from scaling_search.search.plan.study_tables import parse_duration
    from scaling_search.search.recipe_check import check
    from scaling_search.search.recipe_check.write import write as write_study

    settings = inputs.study(ledger, start, subject, triples, cost, training, deciding, build, table="grid")
    if write_to is not None and write_to.exists():
        read_study(write_to)  # better refused now than after the trainings
    with work(ledger, log=log, quiet=quiet, workers=workers, ray=ray) as at:
        result = check.recipe(
            settings,
            ledger=at.ledger,
            callbacks=at.callbacks,
            should_stop=at.should_stop,
            workers=at.workers,
            checkpoints=checkpoints,
            retry_failed=retry_failed,
            time_limit=None if time_limit is None else parse_duration(time_limit),
        )
        trials = at.ledger.trials(study=result.study.name, roles=(CHECK,))
    show_or_dump(lambda: result.document, result.record, as_json=as_json, details=details)
    if write_to is not None:
        write_study(settings, result, write_to)
        if not quiet:
            say(
                f"{write_to}: rate {result.rate:g} and {count(result.epochs or 0, 'epoch')} are in its recipe"
            )
    # A time limit is no failure.
    ended = bool(trials) and not result.check.unfinished
    finish(trials, nothing=ended and not result.check.interactions)
