"""The options that several commands share, each for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from scaling_search.errors import InputError
from scaling_search.system.text import full_path


def path(name: str, help: str, *, parser: Callable[[str], Path] = full_path, metavar: str = "<path>") -> Any:
    """An option that is a path, with `~` resolved."""
    return typer.Option(name, parser=parser, metavar=metavar, help=help)


def new_file(path: str) -> Path:
    """A file to be written, with `~` resolved. Errors: InputError where its folder is not there."""
    found = full_path(path)
    if not found.parent.is_dir():
        raise InputError(f"{path}: there is no folder {found.parent}")
    return found


DEFAULT_LEDGER = "scaling-search.db"

Ledger = Annotated[
    str,
    typer.Option(
        "--ledger", envvar="SCALING_SEARCH_LEDGER", help="Where results are kept: a path or a database URL."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try trials again that failed before.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Nothing on stderr but errors.")]
Details = Annotated[bool, typer.Option("--details", help="Show all columns, tables and notes.")]
Log = Annotated[
    str | None,
    typer.Option("--log", help="Also log trials for tensorboard or mlflow (extras of these names)."),
]
StudyName = Annotated[
    str | None,
    typer.Option("--study", help="Name of a study in the ledger, or its file. Default: the newest."),
]
OfTriple = Annotated[
    str | None,
    typer.Option(
        "--coefficients",
        help="ALPHA,BETA,GAMMA of the family that phi=2 or best is meant of. Default: the search's winner.",
    ),
]
OfKind = Annotated[
    str | None,
    typer.Option(
        "--family",
        help="Of which family of the triple phi=2 or best is: proxy or full. Default: proxy where it has weights.",
    ),
]
OfFactors = Annotated[
    str | None,
    typer.Option(
        "--factors",
        help="Likewise: nominal or realised, which was raised to the power phi. Default: nominal where it has weights.",
    ),
]
MemberSeed = Annotated[
    int | None,
    typer.Option("--seed", help="Of a member, this seed (0, 1, ...). Default: the best by validation."),
]
Weights = Annotated[
    Path | None,
    path(
        "--weights", "A .safetensors, .bin or .pth file by timm's, torchvision's, the official or our names."
    ),
]
InitialWeights = Annotated[
    Path | None,
    path(
        "--weights",
        "Start training from the baseline's weights in this file (.safetensors, .bin or .pth, named as timm, "
        "torchvision, the official releases or we do): a layer takes them where block and shape are the same, all else "
        "(wider or added blocks, a head of other classes) is drawn anew.",
    ),
]
Mean = Annotated[
    str | None,
    typer.Option(
        "--mean", help="What --weights expect: each channel's mean, of pixels of 0..255, as 124,116,104."
    ),
]
Std = Annotated[str | None, typer.Option("--std", help="Likewise each channel's standard deviation.")]
ClassNames = Annotated[Path | None, path("--class-names", "A text file with the name of one class a line.")]
Output = Annotated[Path | None, path("--output", "Write to a file instead of stdout.", parser=new_file)]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="Train in so many processes (Ray), each with cores or an accelerator of its own.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Train on the Ray cluster at HOST:PORT, or auto."),
]
Checkpoints = Annotated[
    str | None,
    typer.Option(
        "--checkpoints",
        metavar="FOLDER|URL",
        envvar="SCALING_SEARCH_CHECKPOINTS",
        help="Where checkpoints and kept weights lie, for all machines: a folder, or an fsspec URL, as "
        "s3://BUCKET/FOLDER. Default: beside the ledger.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        help="Stop this command after so long (30m, 1h30m, seconds), all progress kept; a network that is being "
        "compiled is waited for.",
    ),
]
