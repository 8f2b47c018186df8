"""What a recipe check trains: a few networks of a plan, each with the study's recipe and with others around it.

A *cell* is a network with one of the recipes. It stands where a candidate stands elsewhere: it has a key, seeds, and a
row in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from scaling_search.architecture.schema import digest
from scaling_search.ledger.storage.rows import CHECK, CandidateRow
from scaling_search.report.figures import count
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.study import Study
from scaling_search.search.trial.ledger_rows import candidate_row
from scaling_search.search.trial.trial import Trial, trial_of
from scaling_search.training.recipe import Recipe

# Of the study's own rate and length. A length is looked at by what doubling it changes.
RATES = (0.5, 2.0)
LENGTHS = (1, 2, 4, 8)
_DIMENSIONS = ("depth", "width", "resolution")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A network with a recipe."""

    build: Build
    recipe: Recipe

    @cached_property
    def key(self) -> str:
        """What tells cells apart."""
        return cell_key(self.build.fingerprint, self.recipe.canonical())

    def trial(self, seed: int) -> Trial:
        """Its training with one seed."""
        found = trial_of(self.build, seed, self.recipe)
        return replace(found, label=f"{found.label}, {in_words(self.recipe)}")

    def row(self, space: SearchSpace, study: str) -> CandidateRow:
        """As the ledger keeps it."""
        row = candidate_row(space, study, CHECK, self.build, group=self.key)
        return replace(row, recipe=self.recipe.canonical())


def cell_key(network: str, recipe: str) -> str:
    """The key of a network's fingerprint with a recipe's canonical text."""
    return digest(f"{network}+{recipe}")


def in_words(recipe: Recipe) -> str:
    """Rate and length."""
    return f"rate {recipe.learning_rate:g}, {count(recipe.epochs, 'epoch')}"


def networks(plan: GridPlan) -> tuple[Build, ...]:
    """The base, and the candidates that go farthest in depth, in width and in resolution, at the largest φ."""
    extremes = [_farthest(plan.candidates, dimension) for dimension in _DIMENSIONS]
    builds = [plan.base, *(max(one.builds, key=lambda build: build.phi) for one in extremes)]
    return tuple({build.fingerprint: build for build in builds}.values())


def _farthest(candidates: Sequence[Candidate], dimension: str) -> Candidate:
    """Of several the one that does nothing else."""

    def far(one: Candidate) -> tuple[float, float]:
        built = {name: getattr(one.realised, name) for name in _DIMENSIONS}
        return built.pop(dimension), -sum(built.values())

    return max(candidates, key=far)


def with_rate(study: Study, images: int, factor: float) -> Recipe:
    """The study's recipe with so many times its rate. Errors: InputError where no recipe has that."""
    own = study.resolve_recipe(images)
    return study.override({"recipe.learning_rate": factor * own.learning_rate}).resolve_recipe(images)


def with_length(study: Study, images: int, factor: int) -> Recipe:
    """The study's recipe with so many times its epochs; what follows the length follows."""
    return study.resolve_recipe(images, epochs=factor * study.resolve_recipe(images).epochs)


def cells(builds: Sequence[Build], recipes: Sequence[Recipe]) -> tuple[Cell, ...]:
    """All of them with all of these."""
    return tuple(Cell(build=build, recipe=recipe) for recipe in recipes for build in builds)
