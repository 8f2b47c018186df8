"""The options that several commands share. A new one is one field of a group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli.groups import Key
from scaling_search.errors import InputError
from scaling_search.system.text import full_path

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
MemberSeed = Annotated[
    int | None,
    typer.Option("--seed", help="Of a member, this seed (0, 1, ...). Default: the best by validation."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        parser=full_path,
        metavar="<path>",
        help="A .safetensors, .bin or .pth file by timm's, torchvision's, the official or our names.",
    ),
]
InitialWeights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        parser=full_path,
        metavar="<path>",
        help="Start training from the baseline's weights in this file (.safetensors, .bin or .pth, named as timm, "
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
ClassNames = Annotated[
    Path | None,
    typer.Option(
        "--class-names",
        parser=full_path,
        metavar="<path>",
        help="A text file with the name of one class a line.",
    ),
]
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
        help="Stop this command after so long (30m, 1h30m, seconds), all progress kept.",
    ),
]
DepthRule = Annotated[
    str | None, typer.Option("--depth-rounding", help="ceil (the paper's) or round (nearest).")
]
Divisor = Annotated[int | None, typer.Option("--divisor", help="Widths are multiples of this.")]


@dataclass(frozen=True, kw_only=True)
class Start:
    """The study that the other options change."""

    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="FILE|NAME",
            help="A study file (TOML), or the name of a study in the ledger. Default: the packaged study of digits "
            "(scale: the newest in the ledger).",
        ),
    ] = None
    name: Annotated[
        str | None, typer.Option("--name", help="What the ledger calls this study."), Key(name="name")
    ] = None
    phi: Annotated[
        str | None,
        typer.Option("--phi", help="0..7, or 0,0.5,2, or one number; negatives too."),
        Key(name="*.phi"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is scaled, on what."""

    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", help="Network to scale, by name or TOML file; drops the study's proxy and rounding."
        ),
        Key(name="baseline"),
    ] = None
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Data set by name."), Key(name="dataset.name")
    ] = None

    @property
    def as_published(self) -> bool:
        """A baseline of its own on no data: it is meant with the classes and channels that it was published with."""
        return self.baseline is not None and self.dataset is None


@dataclass(frozen=True, kw_only=True)
class Triples:
    """The triples of a grid, and which of them get a full training."""

    alpha: Annotated[
        str | None,
        typer.Option("--alpha", help="Depth coefficients, FIRST:LAST:STEP or one number."),
        Key(name="grid.alpha"),
    ] = None
    beta: Annotated[
        str | None, typer.Option("--beta", help="Width coefficients, likewise."), Key(name="grid.beta")
    ] = None
    gamma: Annotated[
        str | None, typer.Option("--gamma", help="Resolution coefficients, likewise."), Key(name="grid.gamma")
    ] = None
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="Keep triples with |alpha*beta^2*gamma^2 - 2| under this."),
        Key(name="grid.tolerance"),
    ] = None
    screening_epochs: Annotated[
        int | None,
        typer.Option(
            "--screening-epochs",
            help="A screening of so few epochs; candidates are left out as far as its ranking agrees with the full "
            "one.",
        ),
        Key(name="grid.screening_epochs"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What networks have equal, and what they must not exceed."""

    match: Annotated[
        str | None,
        typer.Option("--match", help="realised: equal real cost; nominal: the paper's grid as it stands."),
        Key(name="grid.match"),
    ] = None
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="The cost that networks have equal: macs, parameters, activations, memory, or latency (a training "
            "step, timed here).",
        ),
        Key(name="grid.budget"),
    ] = None
    macs_tolerance: Annotated[
        float | None,
        typer.Option("--macs-tolerance", help="How far the real cost may lie from the target, as a share."),
        Key(name="grid.macs_tolerance"),
    ] = None
    max_macs: Annotated[
        float | None,
        typer.Option("--max-macs", help="Train no network with more MACs, such as 5e8."),
        Key(name="limits.macs"),
    ] = None
    max_parameters: Annotated[
        float | None,
        typer.Option("--max-parameters", help="Train no network with more parameters, such as 5e6."),
        Key(name="limits.parameters"),
    ] = None
    max_activations: Annotated[
        float | None,
        typer.Option("--max-activations", help="Train no network with more activations."),
        Key(name="limits.activations"),
    ] = None
    max_memory: Annotated[
        float | None,
        typer.Option(
            "--max-memory", help="Train no network whose training step takes more bytes, such as 2e9."
        ),
        Key(name="limits.memory"),
    ] = None
    max_latency: Annotated[
        float | None,
        typer.Option("--max-latency", help="Train no network whose training step takes more seconds here."),
        Key(name="limits.latency"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """How networks are trained."""

    seeds: Annotated[int | None, typer.Option("--seeds", help="Seeds per network."), Key(name="*.seeds")] = (
        None
    )
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Epochs per trial."), Key(name="recipe.epochs")
    ] = None
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Images per step."), Key(name="recipe.batch_size")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """When a search is decided."""

    indifference: Annotated[
        float | None,
        typer.Option(
            "--indifference",
            help="Accuracy that nobody would pay for, such as 0.005 (half a point): decided within that of the best.",
        ),
        Key(name="grid.indifference"),
    ] = None
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="What is compared: accuracy, or balanced-accuracy (mean over classes)."
        ),
        Key(name="grid.metric"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Build:
    """How networks are made from the baseline."""

    proxy_resolution: Annotated[
        int | None,
        typer.Option("--proxy-resolution", help="Search on a small-image proxy of this base resolution."),
        Key(name="proxy.resolution"),
    ] = None
    proxy_width: Annotated[
        float | None, typer.Option("--proxy-width", help="The proxy's width factor."), Key(name="proxy.width")
    ] = None
    proxy_depth: Annotated[
        float | None, typer.Option("--proxy-depth", help="The proxy's depth factor."), Key(name="proxy.depth")
    ] = None
    depth_rounding: Annotated[DepthRule, Key(name="rounding.depth")] = None
    divisor: Annotated[Divisor, Key(name="rounding.divisor")] = None


def new_file(path: str) -> Path:
    """A file to be written, with `~` resolved. Errors: InputError where its folder is not there."""
    found = full_path(path)
    if not found.parent.is_dir():
        raise InputError(f"{path}: there is no folder {found.parent}")
    return found
