"""`scaling-search doctor`: what this machine has."""

from __future__ import annotations

import typer

from scaling_search.cli import options

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(as_json: options.Json = False) -> None:
    """What this machine has: devices, kernels, memory, versions, data sets. Exit code 6 where no device can be used."""
    from scaling_search.errors import DeviceError
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import show, write
    from scaling_search.search.audit.machine import examine
    from scaling_search.search.tables import machine_table

    machine = examine()
    if as_json:
        write(dumps(machine_table.record(machine)))
    else:
        show(machine_table.document(machine))
    if (problem := machine["device_problem"]) is not None:
        raise DeviceError(f"no device can be used: {problem}")
