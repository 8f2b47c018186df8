"""`scaling-search data`: the data sets at hand; preparing one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import options

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Data sets at hand; prepare one.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def show_all(as_json: options.Json = False) -> None:
    """The data sets at hand, and how to prepare those that are not."""
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import show, write
    from scaling_search.search.audit.machine import known
    from scaling_search.search.tables import dataset_table

    found = known()
    if as_json:
        write(dumps({"datasets": [dataset_table.record(info) for info in found]}))
    else:
        show(dataset_table.document(found))


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set, or a new name for a folder.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Folder with one folder of images per class; for fashion_mnist, its four files."
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Store a folder's images at this many pixels square.")
    ] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", help="Store a folder's images as 1 (grey) or 3 (colour).")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a data set ready to load: decode it, download it, or import a folder of images."""
    from scaling_search.cli.progress import say
    from scaling_search.data import catalog
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import show, write
    from scaling_search.search.tables import dataset_table

    say(f"preparing {name} …")
    info = catalog.prepare(name, source=source, size=size, channels=channels)
    if info.location is not None:
        say(f"{info.name} is ready in {info.location}")
    if as_json:
        write(dumps(dataset_table.record(info)))
    else:
        show(dataset_table.document([info]))
