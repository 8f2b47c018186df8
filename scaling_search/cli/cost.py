"""`scaling-search cost`: what networks cost, counted from their tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import groups, inputs, options
from scaling_search.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """How networks are scaled before they are counted."""

    phi: Annotated[
        str | None, typer.Option(help="Compound scaling: one φ, or 0..7, or 0,0.5,2; negatives too.")
    ] = None
    alpha: Annotated[float | None, typer.Option(help="Depth coefficient, with --phi (1.2).")] = None
    beta: Annotated[float | None, typer.Option(help="Width coefficient, with --phi (1.1).")] = None
    gamma: Annotated[float | None, typer.Option(help="Resolution coefficient, with --phi (1.15).")] = None
    depth: Annotated[float | None, typer.Option(help="Or scale by factors: depth.")] = None
    width: Annotated[float | None, typer.Option(help="Width factor.")] = None
    resolution: Annotated[
        float | None, typer.Option(help="Resolution factor, or pixels when 16 or more.")
    ] = None
    rule: Annotated[
        str | None,
        typer.Option(
            help="Or by a known rule: pycls's shares such as dwr or d1_w8_r1, with --factor; or a published row: "
            "b0 to b7, depth-4, width-2, resolution-2, compound-1.4-1.2-1.3, mobilenet-0.75-192."
        ),
    ] = None
    factor: Annotated[
        float | None, typer.Option(help="With --rule: what depth * width^2 * resolution^2 shall be.")
    ] = None
    depth_rounding: groups.DepthRule = None
    divisor: groups.Divisor = None


@groups.apart
def cost(
    *,
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="NETWORK...", help="Names of built-in networks, or TOML files."),
    ] = None,
    from_timm: Annotated[
        str | None,
        typer.Option("--from-timm", help="Also the network of this name in timm, written as a TOML file."),
    ] = None,
    from_onnx: Annotated[
        Path | None,
        options.path("--from-onnx", "Also the network of an ONNX file, written likewise."),
    ] = None,
    out: Annotated[
        Path | None,
        options.path(
            "--out",
            "Where the TOML of --from-timm or --from-onnx goes (NAME.toml, here).",
            parser=options.new_file,
        ),
    ] = None,
    scaled: Scaled,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also a row for each stem, stage and head.")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", help="Also estimate the memory of training at this batch size."),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option("--optimizer", help="With --batch-size: adamw (the fast recipe's), sgd or rmsprop."),
    ] = None,
    no_ema: Annotated[
        bool, typer.Option("--no-ema", help="With --batch-size: without a moving average of the weights.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document on stdout: an object, or of several networks a list of them."
        ),
    ] = False,
) -> None:
    """What networks cost, one or several side by side: parameters, MACs, activations, memory."""
    from scaling_search.report.render import show_or_dump
    from scaling_search.search.audit.network_costs import compare
    from scaling_search.search.audit.scaling_options import Scaling
    from scaling_search.search.tables.cost_table import document, record

    changes = {
        **({} if optimizer is None else {"optimizer": optimizer}),
        **({"ema_images": None} if no_ema else {}),
    }
    if changes and batch_size is None:
        raise UsageError("--optimizer and --no-ema need --batch-size: they only change the training memory")
    recipe = None if batch_size is None else inputs.recipe({"batch_size": batch_size, **changes})
    scaling = Scaling(**vars(scaled))
    chosen = [*(networks or []), *_read(from_timm, from_onnx, out)]
    if not chosen:
        raise UsageError("name a network, or --from-timm NAME, or --from-onnx FILE")
    found = compare(chosen, scaling, by_part=layers, recipe=recipe)
    show_or_dump(
        document,
        lambda found: record(found[0]) if len(found) == 1 else {"networks": [record(row) for row in found]},
        found,
        as_json=as_json,
    )


def _read(from_timm: str | None, from_onnx: Path | None, out: Path | None) -> list[str]:
    """The TOML file of the network that was read, if one was asked for. Errors: UsageError, InputError."""
    from scaling_search.architecture.toml import write
    from scaling_search.system.files import save

    if from_timm is not None and from_onnx is not None:
        raise UsageError("give --from-timm or --from-onnx, not both")
    if from_timm is not None:
        from scaling_search.export import read_timm

        network = read_timm.read(from_timm)
    elif from_onnx is not None:
        from scaling_search.export import read_onnx

        network = read_onnx.read(from_onnx)
    elif out is not None:
        raise UsageError("--out is where the TOML of --from-timm or --from-onnx goes")
    else:
        return []
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in network.name)
    target = out or Path(f"{name}.toml")
    if target.suffix != ".toml":
        raise UsageError(f"--out {target}: a network's file ends in .toml")
    if target.exists():
        raise UsageError(f"{target} is there already: give --out another file")
    save(write(network), target)
    typer.echo(f"wrote {target}; dropout and stochastic depth are 0, a graph does not tell them", err=True)
    return [str(target)]
