"""`scaling-search export`: a network and its weights in another framework's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import inputs, options


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MEMBER|NETWORK",
            help="phi=2 or best of a study's family, winner of its search, an exported folder, a built-in network by "
            "name, or a TOML file.",
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="torch: a module that needs torch and safetensors alone; onnx; flax: an nnx module; timm: where timm "
            "has the network.",
        ),
    ],
    out: Annotated[
        Path,
        options.path("--out", "The folder to write; it must be new or empty."),
    ],
    study: options.StudyName = None,
    coefficients: options.OfTriple = None,
    family: options.OfKind = None,
    factors: options.OfFactors = None,
    seed: options.MemberSeed = None,
    weights: options.Weights = None,
    random_weights: Annotated[
        int | None,
        typer.Option("--random-weights", metavar="SEED", help="Or untrained weights of this seed."),
    ] = None,
    mean: options.Mean = None,
    std: options.Std = None,
    class_names: options.ClassNames = None,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="The model itself normalises pixels of 0..255 (onnx only).")
    ] = False,
    checkpoints: options.Checkpoints = None,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
) -> None:
    """Write a network with its weights for another framework: model, weights, table, and a file to check it by."""
    from scaling_search.cli.work import find_members
    from scaling_search.errors import UsageError
    from scaling_search.export import folder
    from scaling_search.report.escape import clean
    from scaling_search.search.members import resolve

    folder.check_target(format, out)
    about = inputs.metadata(mean, std, class_names)
    if random_weights is not None:
        if weights is not None or resolve.is_member(what):
            raise UsageError("--random-weights are for a network without others")
        written = resolve.untrained(what, random_weights, about).export(format, out, normalise=normalise)
    else:
        with find_members(
            ledger,
            [what],
            study=study,
            coefficients=coefficients,
            family=family,
            factors=factors,
            seeds=[] if seed is None else [seed],
            weights=weights,
            metadata=about,
            checkpoints=checkpoints,
            read_only=True,
        ) as (_, found):
            written = found[0].export(format, out, normalise=normalise)
    for name, size in sorted(written.files.items()):
        typer.echo(f"{clean(str(out / name))}  {size:,} bytes")
