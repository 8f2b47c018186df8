"""Groups of options: a dataclass is declared once and taken apart into options by every command that has it.

And groups of commands.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from scaling_search.errors import UsageError, suggest


class Key(OptionInfo):
    """An option that stands for a key of the study; `*` in it is the command's own table. It is called as its field."""

    def __init__(self, key: str, help: str) -> None:
        super().__init__(default=..., help=help)
        self.key = key


DepthRule = Annotated[str | None, Key("rounding.depth", "ceil (the paper's) or round (nearest).")]
Divisor = Annotated[int | None, Key("rounding.divisor", "Widths are multiples of this.")]


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
    name: Annotated[str | None, Key("name", "What the ledger calls this study.")] = None
    phi: Annotated[str | None, Key("*.phi", "0..7, or 0,0.5,2, or one number; negatives too.")] = None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is scaled, on what."""

    baseline: Annotated[
        str | None,
        Key("baseline", "Network to scale, by name or TOML file; drops the study's proxy and rounding."),
    ] = None
    dataset: Annotated[str | None, Key("dataset.name", "Data set by name.")] = None

    @property
    def as_published(self) -> bool:
        """A baseline of its own on no data: it is meant with the classes and channels that it was published with."""
        return self.baseline is not None and self.dataset is None


@dataclass(frozen=True, kw_only=True)
class Triples:
    """The triples of a grid, and which of them get a full training."""

    alpha: Annotated[str | None, Key("grid.alpha", "Depth coefficients, FIRST:LAST:STEP or one number.")] = (
        None
    )
    beta: Annotated[str | None, Key("grid.beta", "Width coefficients, likewise.")] = None
    gamma: Annotated[str | None, Key("grid.gamma", "Resolution coefficients, likewise.")] = None
    tolerance: Annotated[
        float | None, Key("grid.tolerance", "Keep triples with |alpha*beta^2*gamma^2 - 2| under this.")
    ] = None
    screening_epochs: Annotated[
        int | None,
        Key(
            "grid.screening_epochs",
            "A screening of so few epochs; candidates are left out as far as its ranking agrees with the full "
            "one.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What networks have equal, and what they must not exceed."""

    match: Annotated[
        str | None, Key("grid.match", "realised: equal real cost; nominal: the paper's grid as it stands.")
    ] = None
    budget: Annotated[
        str | None,
        Key(
            "grid.budget",
            "The cost that networks have equal: macs, parameters, activations, memory, or latency (a training "
            "step, timed here).",
        ),
    ] = None
    macs_tolerance: Annotated[
        float | None, Key("grid.macs_tolerance", "How far the real cost may lie from the target, as a share.")
    ] = None
    max_macs: Annotated[float | None, Key("limits.macs", "Train no network with more MACs, such as 5e8.")] = (
        None
    )
    max_parameters: Annotated[
        float | None, Key("limits.parameters", "Train no network with more parameters, such as 5e6.")
    ] = None
    max_activations: Annotated[
        float | None, Key("limits.activations", "Train no network with more activations.")
    ] = None
    max_memory: Annotated[
        float | None,
        Key("limits.memory", "Train no network whose training step takes more bytes, such as 2e9."),
    ] = None
    max_latency: Annotated[
        float | None, Key("limits.latency", "Train no network whose training step takes more seconds here.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Training:
    """How networks are trained."""

    seeds: Annotated[int | None, Key("*.seeds", "Seeds per network.")] = None
    epochs: Annotated[int | None, Key("recipe.epochs", "Epochs per trial.")] = None
    batch_size: Annotated[int | None, Key("recipe.batch_size", "Images per step.")] = None


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """When a search is decided."""

    indifference: Annotated[
        float | None,
        Key(
            "grid.indifference",
            "Accuracy that nobody would pay for, such as 0.005 (half a point): decided within that of the best.",
        ),
    ] = None
    metric: Annotated[
        str | None,
        Key("grid.metric", "What is compared: accuracy, or balanced-accuracy (mean over classes)."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Build:
    """How networks are made from the baseline."""

    proxy_resolution: Annotated[
        int | None, Key("proxy.resolution", "Search on a small-image proxy of this base resolution.")
    ] = None
    proxy_width: Annotated[float | None, Key("proxy.width", "The proxy's width factor.")] = None
    proxy_depth: Annotated[float | None, Key("proxy.depth", "The proxy's depth factor.")] = None
    depth_rounding: DepthRule = None
    divisor: Divisor = None


def apart(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every parameter that is a group replaced, in place, by the group's options.

    What was given is put together again before the command is called.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    hints = typing.get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            groups[name] = typing.cast("type[Any]", hints[name])
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    def called(**given: Any) -> None:
        whole = {
            name: group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        command(**whole, **given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    return called


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]


def changes(*groups: Any, table: str) -> dict[str, Any]:
    """What the groups' options change: the study's dotted keys with the values given."""
    return {key: getattr(group, name) for group in groups for key, name in _keys(type(group), table)}


def in_options(message: str, *groups: Any, table: str) -> str:
    """A message about a study's keys, which names them by the options that they came of."""
    names = {key: name for group in groups for key, name in _keys(type(group), table)}

    def option(found: re.Match[str]) -> str:
        # What no group has is the command's own, and called as its key is; a recipe's has no option.
        inside, _, key = found[1].rpartition(".")
        if found[1] not in names and inside != table:
            return f"{found[1]}: "
        return f"--{names.get(found[1], key).replace('_', '-')}: "

    return re.sub(r"(?m)^options: ([a-z_.]+): ", option, message)


def _keys(group: type[Any], table: str) -> Iterator[tuple[str, str]]:
    """Key and field of all that stand for a key."""
    for name, hint in typing.get_type_hints(group, include_extras=True).items():
        for mark in typing.get_args(hint):
            if isinstance(mark, Key):
                yield mark.key.replace("*", table), name


class Commands(TyperGroup):
    """A command with commands of its own."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Errors: UsageError for a command that there is not."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(suggest(f"{ctx.info_name} command", args[0], self.commands))
        return super().resolve_command(ctx, args)


def commands(help: str) -> typer.Typer:
    """A command that has only commands of its own."""
    return typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        help=help,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
