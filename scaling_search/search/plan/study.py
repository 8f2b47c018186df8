"""A study: one file that names baseline, data, recipe, grid and family. Options on the command line override it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from scaling_search.architecture.network import Network
from scaling_search.architecture.schema import Strict
from scaling_search.architecture.toml import inline
from scaling_search.baselines.load import load
from scaling_search.errors import InputError, UsageError, explain
from scaling_search.scaling.coefficients import parse_phi, parse_values
from scaling_search.scaling.rounding import Rounding
from scaling_search.system.text import full_path, parse_toml, read_text
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

_DURATION = re.compile(r"\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d+)?)\s*s)?\s*")


def parse_duration(given: object) -> float:
    """Seconds of `90s`, `30m`, `1h30m`, or of a number of seconds. Errors: UsageError naming what was given.

    >>> parse_duration("1h30m"), parse_duration("90s"), parse_duration(2)
    (5400.0, 90.0, 2.0)
    """
    text = str(given)[:40]
    found = _DURATION.fullmatch(text)
    if found and any(found.groups()):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        total = 3600 * hours + 60 * minutes + seconds
    else:
        try:
            total = float(text)
        except ValueError:
            total = 0.0
    if not 0 < total <= 1e9:
        raise UsageError(f"{text!r} is no duration: write 90s, 30m, 1h30m, or a number of seconds")
    return total


def _parsed(parse: Callable[[object], Any]) -> BeforeValidator:
    """A field that is read once: what the file says becomes the value, a fault one of pydantic's."""

    def read(given: object) -> Any:
        try:
            return parse(given)
        except UsageError as error:
            raise PydanticCustomError("value", "{m}", {"m": str(error)}) from None

    return BeforeValidator(read)


_NONE = "none"
TUNED = "tuned"
Positive = Annotated[float, Field(gt=0, le=1e6)]
Limit = Annotated[float, Field(gt=0, le=1e18)]
Seconds = Annotated[float, _parsed(parse_duration)]
Coefficient = Annotated[tuple[float, ...], _parsed(parse_values)]
Phis = Annotated[tuple[float, ...], _parsed(parse_phi)]
Seeds = Annotated[int, Field(ge=1, le=1000)]


class Data(Strict):
    """`[dataset]`: the data set, and what of its training images validates."""

    name: Annotated[str, Field(min_length=1, description="Name of a prepared data set.")]
    validation: Annotated[
        float,
        Field(gt=0, lt=1, description="Share of the training images of each class held out for validation."),
    ] = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**31, description="Which images are held out.")] = 0


class Proxy(Strict):
    """`[proxy]`: the small-image stand-in that is searched in place of the baseline; see `scaling.proxy`."""

    resolution: Annotated[int, Field(ge=4, le=4096, description="Side of its images at φ = 0, in pixels.")]
    width: Annotated[Positive, Field(description="Its widths over the baseline's.")] = 1.0
    depth: Annotated[Positive, Field(description="Its depths over the baseline's.")] = 1.0


class Grid(Strict):
    """`[grid]`: all triples under |α·β²·γ² − 2| < tolerance, built at each φ, and how they are compared.

    Another `budget` takes the place of the MACs in all of this, and its exponents that of 1, 2, 2 (`plan.budget`).
    """

    phi: Annotated[Phis, Field(description="φ at which candidates are built and compared.")] = (1.0,)
    alpha: Annotated[Coefficient, Field(description="Depth coefficients to try.")] = parse_values("1:2:0.1")
    beta: Annotated[Coefficient, Field(description="Width coefficients to try.")] = parse_values("1:1.5:0.1")
    gamma: Annotated[
        Coefficient, Field(description="Resolution coefficients to try; 1 alone holds the resolution.")
    ] = parse_values("1:1.5:0.1")
    tolerance: Annotated[float, Field(gt=0, le=2, description="How far α·β²·γ² may lie from 2.")] = 0.1
    match: Annotated[
        Literal["realised", "nominal"],
        Field(
            description="realised: equal real cost, resolutions adjusted; nominal: the paper's grid as it stands."
        ),
    ] = "realised"
    budget: Annotated[
        Literal["macs", "parameters", "activations", "memory", "latency"],
        Field(description="The cost that candidates have equal."),
    ] = "macs"
    macs_tolerance: Annotated[
        float, Field(gt=0, lt=1, description="How far the real cost may lie from the target, as a share.")
    ] = 0.1
    seeds: Annotated[
        Seeds, Field(description="Seeds of each candidate at most; fewer than 3 decide nothing.")
    ] = 3
    racing: Annotated[
        bool, Field(description="Whether candidates that are shown to be worse stop early.")
    ] = True
    indifference: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="Accuracy (as a share) that nobody would pay for; default: half a point, or what "
            "the images can show.",
        ),
    ] = None
    metric: Annotated[
        Literal["accuracy", "balanced-accuracy"],
        Field(description="What candidates are compared by; balanced: the mean over classes."),
    ] = "accuracy"
    screening_epochs: Annotated[
        int | None,
        Field(ge=1, description="Epochs of a low-fidelity screening before the race; none unless given."),
    ] = None


class Family(Strict):
    """`[scale]`: the extrapolation. Seeds are fresh ones, so the winner is measured by runs that did not choose it."""

    phi: Annotated[Phis, Field(description="φ of the members.")] = parse_phi("0..7")
    seeds: Annotated[Seeds, Field(description="Seeds of each member.")] = 2
    train: Annotated[
        Literal["proxy", "full", "none"] | None,
        Field(description="Which family is trained: the proxy's where the study has one, else the full one."),
    ] = None
    factors: Annotated[
        Literal["nominal", "realised"],
        Field(description="What is raised to the power φ: the triple, or the factors that it built."),
    ] = "nominal"
    member_time_limit: Annotated[
        Seconds,
        Field(description="A member whose seed takes longer (30m, 1h30m, seconds) is written, not trained."),
    ] = 1800.0
    keep_weights: Annotated[
        Literal["none", "best", "all"],
        Field(
            description="Weights kept of each member: none, of its best seed by validation, or of all seeds."
        ),
    ] = "best"


class Limits(Strict):
    """`[limits]`: what no network may exceed, at any φ: one that does is no candidate, and no trained member."""

    macs: Annotated[Limit | None, Field(description="Multiply-adds of one image.")] = None
    parameters: Annotated[Limit | None, Field(description="Trainable scalars.")] = None
    activations: Annotated[
        Limit | None, Field(description="Outputs of convolutions, dense and pooling layers.")
    ] = None
    memory: Annotated[
        Limit | None, Field(description="Bytes of a training step at the recipe's batch size.")
    ] = None
    latency: Annotated[Limit | None, Field(description="Seconds of a training step on this device.")] = None


class Study(Strict):
    """Everything that decides a search. Without a `name` it is called after its data set and baseline."""

    name: Annotated[str | None, Field(min_length=1, max_length=200, description="What reports call it.")] = (
        None
    )
    baseline: Annotated[
        Annotated[str, Field(min_length=1)] | Network,
        Field(description="Network to scale: a built-in name, or a path to a TOML file."),
    ]
    dataset: Annotated[
        Data, BeforeValidator(lambda given: {"name": given} if isinstance(given, str) else given)
    ]
    proxy: Proxy | None = None
    rounding: Rounding = Rounding()
    recipe: Annotated[
        dict[str, Any],
        BeforeValidator(lambda given: _without(given)),
        Field(
            default_factory=lambda: {"name": "fast"},
            description='A named recipe, and its changes; "none" turns off what can be turned off.',
        ),
    ]
    grid: Grid = Grid()
    scale: Family = Family()
    limits: Limits = Limits()

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """A study from its file. Errors: InputError."""
        return read(Path(path))

    def override(self, changes: dict[str, Any]) -> Study:
        """The study with dotted keys replaced, such as `{"grid.seeds": 5}`. Errors: InputError."""
        return override(self, changes)

    def network(self) -> Network:
        """The baseline as it is written. Errors: InputError for an unknown name or a file that is none."""
        return self.baseline if isinstance(self.baseline, Network) else load(self.baseline)

    @property
    def timed(self) -> bool:
        """Whether candidates are chosen by how long a step takes on this device."""
        return self.grid.budget == "latency" or self.limits.latency is not None

    @property
    def tuned(self) -> bool:
        """Whether every network is trained at the best of three rates (`recipe.rate`)."""
        return self.recipe.get("rate") == TUNED

    def resolve_recipe(self, images: int | None = None, *, epochs: int | None = None) -> Recipe:
        """The named recipe for so many training images, with the study's overrides (and other `epochs`).

        Errors: InputError naming the key.
        """
        settings = self.recipe | ({} if epochs is None else {"epochs": epochs})
        name, rate = settings.pop("name", "fast"), settings.pop("rate", None)
        if rate not in (None, TUNED):
            raise InputError(
                f'recipe.rate: expected "{TUNED}" or "{_NONE}", got {rate!r}; a number is learning_rate'
            )
        if not isinstance(name, str):
            raise InputError(
                f"recipe.name: expected a name, one of {', '.join(recipes.names())}, got {name!r}"
            )
        return recipes.named(name, images=images, **settings)

    def screening_recipe(self, images: int | None = None) -> Recipe | None:
        """The recipe of the screening, None without one. Errors: InputError where it is not shorter."""
        epochs = self.grid.screening_epochs
        if epochs is None:
            return None
        if self.tuned:
            raise InputError(
                f'grid.screening_epochs {epochs}: not with recipe.rate = "{TUNED}", for it would rank by the untuned '
                "rate"
            )
        full = self.resolve_recipe(images)
        if epochs >= full.epochs:
            raise InputError(
                f"grid.screening_epochs {epochs}: expected fewer than the recipe's {full.epochs} epochs"
            )
        return self.resolve_recipe(images, epochs=epochs)


def _without(given: Any) -> Any:
    """A recipe's table with None where the file, which has no word for that, says "none"."""
    if not isinstance(given, dict):
        return given
    return {key: None if value == _NONE and key != "name" else value for key, value in given.items()}


def read(path: Path) -> Study:
    """Study from a TOML file; a baseline given as a path is relative to the file. Errors: InputError."""
    study = parse(read_text(path, "study"), what=str(path))
    baseline = str(study.baseline)
    if not baseline.endswith(".toml") and "/" not in baseline:
        return study
    return study.model_copy(update={"baseline": str(full_path(path).parent / full_path(baseline))})


def parse(text: str, *, what: str = "study") -> Study:
    """Study from TOML text. Errors: InputError naming the key, the value and the legal ones."""
    try:
        return _checked(parse_toml(text, what))
    except ValidationError as error:
        raise explain(error, what) from None


def override(study: Study, changes: dict[str, Any]) -> Study:
    """The study with dotted keys replaced, such as `{"grid.seeds": 5}`; None leaves a key as it is.

    A new `baseline` drops the proxy and the rounding, which belong to the old one, unless they are given too.
    Errors: InputError as in `parse`.
    """
    table = study.model_dump(exclude_defaults=True) | {"baseline": study.baseline}
    given = {key: value for key, value in changes.items() if value is not None}
    if "baseline" in given:
        table.pop("proxy", None)
        table.pop("rounding", None)
    for key, value in given.items():
        place = table
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    try:
        return _checked(table)
    except ValidationError as error:
        raise explain(error, "options") from None


def _checked(table: dict[str, Any]) -> Study:
    study = Study.model_validate(table)
    study.resolve_recipe()
    study.screening_recipe()
    return study


def write(study: Study) -> str:
    """Canonical TOML of a study, every key with its value; `parse` inverts it."""
    table = study.model_dump(exclude_none=True)
    table["recipe"] = {key: _NONE if value is None else value for key, value in study.recipe.items()}
    if isinstance(study.baseline, Network):
        table["baseline"] = study.baseline.name
    plain = [f"{key} = {inline(value)}\n" for key, value in table.items() if not isinstance(value, dict)]
    tables = [
        f"\n[{key}]\n" + "".join(f"{name} = {inline(item)}\n" for name, item in value.items())
        for key, value in table.items()
        if isinstance(value, dict) and value
    ]
    return "".join(plain + tables)
