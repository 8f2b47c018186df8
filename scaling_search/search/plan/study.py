"""A study: one file that names baseline, data, recipe, grid and family. Options on the command line override it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, WrapValidator

from scaling_search.architecture import faults
from scaling_search.architecture.network import Network
from scaling_search.architecture.schema import Strict, described
from scaling_search.architecture.toml import inline
from scaling_search.baselines.load import load
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import Rounding
from scaling_search.search.plan.recipe_table import NONE, TUNED, RecipeTable, resolve
from scaling_search.search.plan.study_tables import Data, Family, Grid, Limits, Proxy
from scaling_search.system.text import full_path, parse_toml, read_text
from scaling_search.training.recipe import Recipe

PACKAGED = "digits"


class Study(Strict):
    """Everything that decides a search. Without a `name` it is called after its data set and baseline."""

    name: Annotated[
        str | None,
        described(
            "name",
            "What ledger and reports call it; unless given, data set and baseline.",
            min_length=1,
            max_length=200,
        ),
    ] = None
    baseline: Annotated[
        Annotated[str, Field(min_length=1), WrapValidator(lambda given, check: _any_path(given, check))]
        | Network,
        described("name or path", "The network to scale: a built-in one, or a TOML file beside the study's."),
    ]
    dataset: Annotated[
        Data, BeforeValidator(lambda given: {"name": given} if isinstance(given, str) else given)
    ]
    proxy: Proxy | None = None
    rounding: Rounding = Rounding()
    recipe: RecipeTable
    grid: Grid = Grid()
    scale: Family = Family()
    limits: Limits = Limits()

    @classmethod
    def read(cls, path: str | Path) -> Study:
        """A study from its file, or the packaged one by its name, `digits`. Errors: InputError."""
        return packaged() if str(path) == PACKAGED else read(Path(path))

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
        return resolve({**self.recipe, **({} if epochs is None else {"epochs": epochs})}, images)

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


def _any_path(given: Any, check: Callable[[Any], str]) -> str:
    """A path as it is: pydantic's own texts are UTF-8, which the name of an old folder need not be."""
    foreign = isinstance(given, str) and given != _readable(given)
    return str(given) if foreign else check(given)


def _readable(path: str) -> str:
    """The path with bytes that are no UTF-8 as `\\udcff`."""
    return path.encode(errors="backslashreplace").decode()


def read(path: Path) -> Study:
    """Study from a TOML file; a baseline given as a path is relative to the file. Errors: InputError."""
    study = parse(read_text(path, "study"), what=str(path))
    baseline = str(study.baseline)
    if not baseline.endswith(".toml") and "/" not in baseline:
        return study
    return study.model_copy(update={"baseline": str(full_path(path).parent / full_path(baseline))})


def packaged() -> Study:
    """The study that comes with the program: the demo."""
    text = resources.files(__package__).joinpath(f"{PACKAGED}.toml").read_text(encoding="utf-8")
    return parse(text, what=f"the packaged study {PACKAGED}")


def parse(text: str, *, what: str = "study") -> Study:
    """Study from TOML text. Errors: InputError naming the key, the value and the legal ones."""
    try:
        return _checked(parse_toml(text, what))
    except ValidationError as error:
        raise faults.explain(error, what) from None


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
        raise faults.explain(error, "options") from None


def _checked(table: dict[str, Any]) -> Study:
    study = Study.model_validate(table)
    study.screening_recipe()
    return study


def write(study: Study) -> str:
    """Canonical TOML of a study, every key with its value; `parse` inverts it."""
    table = study.model_dump(exclude_none=True)
    table["recipe"] = {key: NONE if value is None else value for key, value in study.recipe.items()}
    base = study.baseline
    table["baseline"] = base.name if isinstance(base, Network) else _readable(base)
    plain = [f"{key} = {inline(value)}\n" for key, value in table.items() if not isinstance(value, dict)]
    tables = [
        f"\n[{key}]\n" + "".join(f"{name} = {inline(item)}\n" for name, item in value.items())
        for key, value in table.items()
        if isinstance(value, dict) and value
    ]
    return "".join(plain + tables)
