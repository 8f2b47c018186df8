"""`scaling-search doctor`: what this machine has."""

from __future__ import annotations

from scaling_search.cli import options


def doctor(as_json: options.Json = False) -> None:
    """What this machine has: devices, kernels, memory, versions, data sets. Exit code 6 where no device can be used."""
    from scaling_search.errors import DeviceError
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.audit.machine import examine
    from scaling_search.search.tables import machine_table

    machine = examine()
    show_or_dump(machine_table.document, machine_table.record, machine, as_json=as_json)
    if (problem := machine["device_problem"]) is not None:
        raise DeviceError(f"no device can be used: {problem}")
