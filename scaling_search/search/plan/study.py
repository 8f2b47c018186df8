"""A study: one file that names baseline, data, recipe, grid and family. Options on the command line override it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from scaling_search.architecture.network import Network
from scaling_search.architecture.schema import Strict
from scaling_search.architecture.toml import inline
from scaling_search.baselines.load import load
from scaling_search.errors import InputError, UsageError, explain
from scaling_search.scaling.coefficients import Range, parse_phi
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

Positive = Annotated[float, Field(gt=0, le=1e6)]
Limit = Annotated[float, Field(gt=0, le=1e18)]


def _a_range(text: str) -> str:
    try:
        Range.parse(text)
    except UsageError as error:
        raise PydanticCustomError("range", "{m}", {"m": str(error)}) from None
    return text


def _phis(text: str) -> str:
    try:
        parse_phi(text)
    except UsageError as error:
        raise PydanticCustomError("phi", "{m}", {"m": str(error)}) from None
    return text


Coefficient = Annotated[str, AfterValidator(_a_range)]
Phis = Annotated[str, AfterValidator(_phis)]


class Data(Strict):
    """The data set, and the share of *train* held out for validation by `split_seed`."""

    name: Annotated[str, Field(min_length=1)]
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Proxy(Strict):
    """The small-image stand-in that is searched in place of the baseline; see `scaling.proxy`."""

    resolution: Annotated[int, Field(ge=4, le=4096)]
    width: Positive = 1.0
    depth: Positive = 1.0


class Grid(Strict):
    """The search: all triples on the ranges under |alpha * beta^2 * gamma^2 - 2| < tolerance, at each phi.

    `match = "realised"` keeps networks whose real MACs lie within `macs_tolerance` of 2^phi times the base's, first
    moving the resolution; `"nominal"` is the paper's grid as it stands. `screening_epochs` asks for a screening of so
    many epochs (`search.stage`). Another `budget` takes the place of the MACs in all of this, and its exponents that
    of 1, 2, 2 (`search.budget`).
    """

    phi: Phis = "1"
    alpha: Coefficient = "1:2:0.1"
    beta: Coefficient = "1:1.5:0.1"
    gamma: Coefficient = "1:1.5:0.1"
    tolerance: Annotated[float, Field(gt=0, le=2)] = 0.1
    match: Literal["realised", "nominal"] = "realised"
    budget: Literal["macs", "parameters", "activations", "memory", "latency"] = "macs"
    macs_tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    racing: bool = True
    screening_epochs: Annotated[int, Field(ge=1)] | None = None


class Family(Strict):
    """The extrapolation. Seeds are fresh ones, so the winner is measured by runs that did not choose it.

    A member whose estimated training takes longer than `max_minutes` for one seed is emitted but not trained.
    """

    phi: Phis = "0..7"
    seeds: Annotated[int, Field(ge=1, le=1000)] = 2
    max_minutes: Positive = 30.0


class Limits(Strict):
    """What no network may exceed, at any phi: one that does is left out of the grid, and not trained in the family.

    `memory` is the bytes of a training step at the recipe's batch size, counted in float32; `latency` the seconds of
    one, on this device; the others are counts for one image.
    """

    macs: Limit | None = None
    parameters: Limit | None = None
    activations: Limit | None = None
    memory: Limit | None = None
    latency: Limit | None = None


class Study(Strict):
    """Everything that decides a search."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    baseline: Annotated[str, Field(min_length=1)]
    dataset: Data
    proxy: Proxy | None = None
    rounding: Rounding = Rounding()
    recipe: Annotated[dict[str, Any], Field(default_factory=lambda: {"name": "fast"})]
    grid: Grid = Grid()
    scale: Family = Family()
    limits: Limits = Limits()

    @property
    def timed(self) -> bool:
        """Whether candidates are chosen by how long a step takes on this device."""
        return self.grid.budget == "latency" or self.limits.latency is not None

    def base(self, *, channels: int, classes: int) -> Network:
        """The network at phi = 0: the baseline, or its proxy, for this data."""
        baseline = load(self.baseline)
        if self.proxy is None:
            return baseline.model_copy(update={"channels": channels, "classes": classes})
        return proxy(
            baseline,
            resolution=self.proxy.resolution,
            width=self.proxy.width,
            depth=self.proxy.depth,
            channels=channels,
            classes=classes,
            rounding=self.rounding,
        )

    def resolved_recipe(self) -> Recipe:
        """The named recipe for the study's data, with its overrides. Errors: InputError naming the key."""
        return self._recipe({}, self.training_images())

    def screening_recipe(self) -> Recipe | None:
        """The recipe of the screening, None without one. Errors: InputError where it is not shorter."""
        return self._screening_recipe(self.training_images())

    def check_recipe(self) -> None:
        """Refuses what no data would make a recipe; data are not looked for. Errors: InputError."""
        self._screening_recipe(None)

    def training_images(self) -> int | None:
        """Images of *train* that are not held out, but for rounding by class; None where the data are not here yet."""
        from scaling_search.data import catalog

        try:
            count = catalog.describe(self.dataset.name).train_count
        except InputError:  # said by whoever opens the data
            return None
        return count - round(self.dataset.validation * count) or None

    def _screening_recipe(self, images: int | None) -> Recipe | None:
        full, epochs = self._recipe({}, images), self.grid.screening_epochs
        if epochs is not None and epochs >= full.epochs:
            raise InputError(
                f"grid.screening_epochs {epochs}: expected fewer than the recipe's {full.epochs} epochs"
            )
        return None if epochs is None else self._recipe({"epochs": epochs}, images)

    def _recipe(self, changes: dict[str, Any], images: int | None) -> Recipe:
        settings = self.recipe | changes
        name = settings.pop("name", "fast")
        if not isinstance(name, str):
            raise InputError(
                f"recipe.name: expected a name, one of {', '.join(recipes.names())}, got {name!r}"
            )
        return recipes.named(name, images=images, **settings)


def read(path: Path) -> Study:
    """Study from a TOML file; a baseline given as a path is relative to the file. Errors: InputError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"cannot read study {path}: {reason}") from None
    study = parse(text, what=str(path))
    if study.baseline.endswith(".toml") and not Path(study.baseline).is_absolute():
        return study.model_copy(update={"baseline": str(path.parent / study.baseline)})
    return study


def parse(text: str, *, what: str = "study") -> Study:
    """Study from TOML text. Errors: InputError naming the key, the value and the legal ones."""
    try:
        study = Study.model_validate(tomllib.loads(text))
        study.check_recipe()
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{what} is not TOML: {error}") from None
    except ValidationError as error:
        raise explain(error, what) from None
    return study


def override(study: Study, changes: dict[str, Any]) -> Study:
    """The study with dotted keys replaced, such as `{"grid.seeds": 5}`; None leaves a key as it is.

    A new `baseline` drops the proxy and the rounding, which belong to the old one, unless they are given too.
    Errors: InputError as in `parse`.
    """
    table = study.model_dump(exclude_defaults=True)
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
        changed = Study.model_validate(table)
        changed.check_recipe()
    except ValidationError as error:
        raise explain(error, "options") from None
    return changed


def write(study: Study) -> str:
    """Canonical TOML of a study; `parse` inverts it."""
    table = study.model_dump(exclude_defaults=True)
    plain = [f"{key} = {inline(value)}\n" for key, value in table.items() if not isinstance(value, dict)]
    tables = [
        f"\n[{key}]\n" + "".join(f"{name} = {inline(item)}\n" for name, item in value.items())
        for key, value in table.items()
        if isinstance(value, dict)
    ]
    return "".join(plain + tables)
