"""`scaling-search data`: the data sets at hand; preparing one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from scaling_search.cli import options
from scaling_search.cli.groups import commands

if TYPE_CHECKING:
    from scaling_search.data.summary import Fit

_EVERY = 10.0  # seconds between signs of life

app = commands("Data sets at hand; prepare one.")


@app.command("list")
def show_all(as_json: options.Json = False) -> None:
    """The data sets at hand, and how to prepare those that are not."""
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.audit.machine import known
    from scaling_search.search.tables import dataset_table

    show_or_dump(
        dataset_table.document,
        lambda found: {"datasets": [dataset_table.record(info) for info in found]},
        known(),
        as_json=as_json,
    )


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set, or a new name for a folder.")],
    source: Annotated[
        Path | None,
        options.path(
            "--from",
            "Folder of images in folders named after classes, or with a labels.csv (columns file and label; "
            "split and group if you like); for fashion_mnist, its four files.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Store a folder's images at this many pixels square.")
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option("--channels", help="Store a folder's images as 1 (grey) or 3 (colour)."),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(
            "--fit",
            metavar="pad|crop|squash",
            help="Bring images of different shapes to one. Unless given, images more than 10 % off the commonest "
            "shape are padded and the others squashed.",
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="COLUMN|LEVEL|PATTERN",
            help="Which images belong together and must not be split: a column of labels.csv, a level of folders "
            "below that of the class (1 is the first), or a regular expression on the file's name.",
        ),
    ] = None,
    group_near: Annotated[
        bool,
        typer.Option("--group-near", help="Keep near duplicates together too (identical images always are)."),
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out files that are damaged or cannot be used.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make a data set ready to load: decode it, download it, or import a folder of images. Ends with a summary."""
    from scaling_search.cli.progress import say
    from scaling_search.data import catalog
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.tables import dataset_table

    say(f"preparing {name} …")
    info = catalog.prepare(
        name,
        source=source,
        size=size,
        channels=channels,
        fit=cast("Fit | None", fit),
        groups=groups,
        group_near=group_near,
        skip_damaged=skip_damaged,
        progress=sparsely(say),
    )
    if info.location is not None:
        say(f"{info.name} is ready in {info.location}")
    if as_json:
        for sentence in dataset_table.sentences(info):
            say(sentence)
    show_or_dump(dataset_table.prepared, dataset_table.record, info, as_json=as_json)


def sparsely(say: Callable[[str], None], *, every: float = _EVERY) -> Callable[[str, int, int], None]:
    """Says how far an import is, at most once in so many seconds: a quick one says nothing."""
    last = time.monotonic()

    def progress(doing: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            say(f"{doing} {done:,} of {total:,} files")

    return progress
