"""`scaling-search doctor`: what this machine has; checks and repairs a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(
    ledger: Annotated[
        str | None, typer.Argument(metavar="[LEDGER]", help="Check this ledger: a path or a database URL.")
    ] = None,
    repair: Annotated[
        Path | None,
        typer.Option("--repair", metavar="NEWFILE", help="Save every intact row into this new file."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """What this machine has; or, of a ledger, whether every row is intact. Exit code 5 when damage is found."""
    from scaling_search.errors import DamagedError, DeviceError, UsageError
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import show, write
    from scaling_search.search.audit import ledger_check
    from scaling_search.search.audit import machine as use_case
    from scaling_search.search.tables import ledger_check_table, machine_table

    if ledger is None:
        if repair is not None:
            raise UsageError("--repair needs a ledger: scaling-search doctor LEDGER --repair NEWFILE")
        machine = use_case.examine()
        if as_json:
            write(dumps(machine_table.record(machine)))
        else:
            show(machine_table.document(machine))
        if machine.problem is not None:
            raise DeviceError(f"no device can be used: {machine.problem}")
        return
    found = ledger_check.inspect(ledger, repair=repair)
    if as_json:
        write(dumps(ledger_check_table.record(found)))
    else:
        show(ledger_check_table.document(found))
    if not found.whole:
        count = f"{len(found.damage)} fault{'' if len(found.damage) == 1 else 's'} found"
        saved = "" if found.repaired is None else f"; what is intact is in {found.repaired}"
        raise DamagedError(f"{found.ledger}: {count}{saved}")
