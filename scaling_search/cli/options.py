"""The options that several commands share, and how they change a study."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from scaling_search.errors import InputError, UsageError

DEFAULT_LEDGER = "scaling-search.db"

Ledger = Annotated[
    str,
    typer.Option(
        "--ledger", envvar="SCALING_SEARCH_LEDGER", help="Where results are kept: a path or a database URL."
    ),
]
StudyFile = Annotated[
    Path | None, typer.Option("--study", help="A study file (TOML). Default: the packaged digits study.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline", help="Network to scale, by name or TOML file; drops the study's proxy and rounding."
    ),
]
DatasetName = Annotated[str | None, typer.Option("--dataset", help="Data set by name.")]
Alpha = Annotated[
    str | None, typer.Option("--alpha", help="Depth coefficients, FIRST:LAST:STEP or one number.")
]
Beta = Annotated[str | None, typer.Option("--beta", help="Width coefficients, likewise.")]
Gamma = Annotated[str | None, typer.Option("--gamma", help="Resolution coefficients, likewise.")]
Tolerance = Annotated[
    float | None, typer.Option("--tolerance", help="Keep triples with |alpha*beta^2*gamma^2 - 2| under this.")
]
Match = Annotated[
    str | None,
    typer.Option("--match", help="realised: equal real MACs; nominal: the paper's grid as it stands."),
]
MacsTolerance = Annotated[
    float | None,
    typer.Option("--macs-tolerance", help="How far real MACs may lie from the target, as a share."),
]
Phi = Annotated[str | None, typer.Option("--phi", help="0..7, or 0,0.5,2, or one number; negatives too.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Seeds per network.")]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Epochs per trial.")]
Batch = Annotated[int | None, typer.Option("--batch-size", help="Images per step.")]
RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="Training recipe by name: fast, efficientnet.")
]
ProxyResolution = Annotated[
    int | None,
    typer.Option("--proxy-resolution", help="Search on a small-image proxy of this base resolution."),
]
ProxyWidth = Annotated[float | None, typer.Option("--proxy-width", help="The proxy's width factor.")]
ProxyDepth = Annotated[float | None, typer.Option("--proxy-depth", help="The proxy's depth factor.")]
DepthRule = Annotated[
    str | None, typer.Option("--depth-rounding", help="ceil (the paper's) or round (nearest).")
]
Divisor = Annotated[int | None, typer.Option("--divisor", help="Widths are multiples of this.")]


def study(file: Path | None, **changes: Any) -> Any:
    """The study of a file (or the packaged one) with options in place of its keys.

    `changes` are named as the keys are, with `__` for the dot: `grid__seeds = 5`. Errors: InputError for the file,
    UsageError for an option.
    """
    from scaling_search.search import study as studies

    if file is None:
        text = (resources.files("scaling_search.search") / "digits.toml").read_text(encoding="utf-8")
        found = studies.parse(text, what="the packaged digits study")
        if changes.get("baseline") is not None:
            # Its tolerances are as coarse as its proxy needs, and the proxy goes.
            usual = studies.Grid()
            grid = found.grid.model_copy(
                update={"tolerance": usual.tolerance, "macs_tolerance": usual.macs_tolerance}
            )
            found = found.model_copy(update={"grid": grid})
    else:
        found = studies.read(file)
    try:
        return studies.override(found, {key.replace("__", "."): value for key, value in changes.items()})
    except InputError as error:
        # The file was read above: what is wrong now was given as an option.
        raise UsageError(str(error)) from None


def exists(place: str) -> bool:
    """Whether there is a ledger to look into; a database server is taken to have one."""
    return "://" in place or Path(place).exists()


def with_ledger(place: str, use: Callable[[Any], Any]) -> Any:
    """What `use` makes of the ledger, opened for reading only."""
    from scaling_search.ledger.ledger import Ledger

    with Ledger.open(place, read_only=True) as opened:
        return use(opened)
