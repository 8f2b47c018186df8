"""`scaling-search ledger`: what a ledger holds, and looking after it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scaling_search.cli import inputs, options
from scaling_search.cli.groups import commands
from scaling_search.report.figures import count
from scaling_search.report.render import show_or_dump
from scaling_search.system.text import full_path

app = commands("What a ledger holds; check, repair, merge, rename, delete, export.")

Study = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study in the ledger.")]
Newest = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="Name of a study in the ledger. Default: the newest.")
]


@app.command("list")
def show_all(ledger: options.Ledger = options.DEFAULT_LEDGER, as_json: options.Json = False) -> None:
    """Every study, the newest first."""
    from scaling_search.search.audit.studies import studies
    from scaling_search.search.tables import ledger_table

    found = inputs.with_ledger(ledger, lambda opened: studies(opened.snapshot()))
    show_or_dump(
        ledger_table.list_document,
        lambda rows: {"studies": [ledger_table.list_record(one) for one in rows]},
        found,
        as_json=as_json,
    )


@app.command()
def show(
    study: Newest = None, ledger: options.Ledger = options.DEFAULT_LEDGER, as_json: options.Json = False
) -> None:
    """What a study was run with: network, data, recipe, every key."""
    from scaling_search.search.audit.studies import facts
    from scaling_search.search.tables import ledger_table
    from scaling_search.search.tables.study_report import choose

    def read(opened: Any) -> tuple[Any, str, str]:
        row = choose(opened, study)
        return facts(opened, row), row.toml, row.recipe

    found, toml, recipe = inputs.with_ledger(ledger, read)
    show_or_dump(
        lambda: ledger_table.show_document(found, toml),
        lambda: {**found, "toml": toml, "recipe": recipe},
        as_json=as_json,
    )


@app.command()
def status(
    study: Newest = None, ledger: options.Ledger = options.DEFAULT_LEDGER, as_json: options.Json = False
) -> None:
    """Where a search stands, also while it runs."""
    from scaling_search.search.audit import studies
    from scaling_search.search.tables import ledger_table
    from scaling_search.search.tables.study_report import choose

    found = inputs.with_ledger(ledger, lambda opened: studies.status(opened, choose(opened, study)))
    show_or_dump(ledger_table.status_document, ledger_table.status_record, found, as_json=as_json)


@app.command()
def check(
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    checkpoints: options.Checkpoints = None,
    as_json: options.Json = False,
) -> None:
    """Check every row and all kept weights against their digests. Exit code 5 when damage is found."""
    _inspect(ledger, None, as_json, checkpoints)


@app.command()
def repair(
    new: Annotated[
        Path, typer.Argument(parser=full_path, metavar="NEWFILE", help="The new ledger to write.")
    ],
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
) -> None:
    """Save every intact row of a damaged ledger into a new one. Exit code 5 when damage is found."""
    _inspect(ledger, new, as_json)


@app.command()
def merge(
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="The ledger whose studies and trials are added.")
    ],
    ledger: options.Ledger = options.DEFAULT_LEDGER,
) -> None:
    """Add another ledger's studies and trials, each trial once; refused where results differ under one key."""
    from scaling_search.cli.progress import say
    from scaling_search.ledger import transfer
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.tables.ledger_table import merged_sentence

    with Ledger.open(other, read_only=True) as source, Ledger.open(ledger) as target:
        found = transfer.merge(target, source.snapshot())
    say(merged_sentence(found, other))


@app.command()
def rename(
    study: Study,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    ledger: options.Ledger = options.DEFAULT_LEDGER,
) -> None:
    """Give a study another name."""
    from scaling_search.ledger import transfer

    _change(ledger, lambda opened: transfer.rename(opened, study, new), f"{study} is now {new}")


@app.command()
def delete(
    study: Study,
    trials: Annotated[
        bool, typer.Option("--trials", help="Delete its trials too, unless another study names them.")
    ] = False,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
) -> None:
    """Forget a study; its trials stay unless asked otherwise."""
    from scaling_search.ledger import transfer

    kept = "with the trials that were its alone" if trials else "its trials stay"
    _change(
        ledger,
        lambda opened: transfer.delete(opened, study, with_trials=trials),
        f"{study} is deleted; {kept}",
    )


@app.command()
def export(
    study: Study,
    output: Annotated[
        Path,
        options.path("--output", "The file to write: a ledger with this study alone."),
    ],
    ledger: options.Ledger = options.DEFAULT_LEDGER,
) -> None:
    """Write a study with all its trials into a file of its own, for others to read and check."""
    from scaling_search.cli.progress import say
    from scaling_search.errors import InputError
    from scaling_search.ledger import transfer
    from scaling_search.ledger.ledger import Ledger

    if output.exists():
        raise InputError(f"{output} exists; an export writes a new file")
    with Ledger.open(ledger, read_only=True) as source, Ledger.open(output) as target:
        trials = count(transfer.export(source.snapshot(), study, target), "trial")
    say(f"{output}: study {study} with {trials}; read it with `scaling-search report --ledger {output}`")


def _change(ledger: str, change: Any, done: str) -> None:
    from scaling_search.cli.progress import say
    from scaling_search.errors import InputError
    from scaling_search.ledger.ledger import Ledger

    if not inputs.exists(ledger):
        raise InputError(f"{ledger}: there is no ledger here; `scaling-search grid` makes one")
    with Ledger.open(ledger) as opened:
        change(opened)
    say(done)


def _inspect(ledger: str, new: Path | None, as_json: bool, checkpoints: str | None = None) -> None:
    from scaling_search.errors import DamagedError
    from scaling_search.search.audit import ledger_check
    from scaling_search.search.tables import ledger_check_table

    found = ledger_check.inspect(ledger, repair=new, checkpoints=checkpoints)
    show_or_dump(ledger_check_table.document, ledger_check_table.record, found, as_json=as_json)
    if not found.intact:
        faults = f"{count(len(found.damage), 'fault')} found"
        saved = "" if found.repaired is None else f"; what is intact is in {found.repaired}"
        raise DamagedError(f"{found.ledger}: {faults}{saved}")
