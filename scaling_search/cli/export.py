"""`scaling-search export`: a network and its weights in another framework's form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def export(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="Name of a built-in network, or a TOML file.")
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            help="torch: a module that needs torch and safetensors alone; onnx; flax: an nnx module; timm: where timm "
            "has the network.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to write; it must be new or empty.")],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="A .safetensors, .bin or .pth file by timm's, torchvision's, the official or our names.",
        ),
    ] = None,
    random_weights: Annotated[
        int | None,
        typer.Option("--random-weights", metavar="SEED", help="Or untrained weights of this seed."),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            "--mean",
            help="What the weights expect: each channel's mean, of pixels of 0..255, as 124,116,104.",
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option("--std", help="Likewise each channel's standard deviation.")
    ] = None,
    class_names: Annotated[
        Path | None, typer.Option("--class-names", help="A text file with the name of one class a line.")
    ] = None,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="The model itself normalises pixels of 0..255 (onnx only).")
    ] = False,
) -> None:
    """Write a network with its weights for another framework: model, weights, table, and a file to check it by."""
    from scaling_search.baselines.load import load
    from scaling_search.errors import UsageError
    from scaling_search.export import folder
    from scaling_search.export.metadata import Metadata, read_class_names
    from scaling_search.report.escape import clean

    if (weights is None) == (random_weights is None):
        raise UsageError("give --weights FILE or --random-weights SEED")
    if random_weights is not None and random_weights < 0:
        raise UsageError(f"--random-weights {random_weights}: a seed is 0 or more")
    folder.check_target(format, out)
    chosen = load(network)
    metadata = Metadata(
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        class_names=None if class_names is None else read_class_names(class_names),
        provenance=None if weights is None else {"weights": weights.name},
    )
    metadata.check(chosen)
    if weights is None:
        from scaling_search.export import reference

        params, batch_stats = reference.random_weights(chosen, random_weights or 0)
    else:
        from scaling_search.export import weights_in

        params, batch_stats = weights_in.read(weights, chosen)
    written = folder.export(
        chosen,
        params,
        batch_stats,
        format=format,
        out=out,
        metadata=metadata,
        normalise=normalise,
        seed=random_weights or 0,
    )
    for name, size in sorted(written.files.items()):
        typer.echo(f"{clean(str(out / name))}  {size:,} bytes")


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers of a list such as 124,116,104. Errors: UsageError."""
    from math import isfinite

    from scaling_search.errors import UsageError

    if text is None:
        return None
    try:
        found = tuple(map(float, text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(map(isfinite, found)):
        raise UsageError(f"{option} {text}: expected numbers with commas between, as 124,116,104")
    return found
