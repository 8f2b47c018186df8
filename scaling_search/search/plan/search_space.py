"""What a search is made of, read once per command: the study, its data, its networks, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.architecture.schema import canonical, digest
from scaling_search.costs.count import Cost
from scaling_search.errors import InputError
from scaling_search.scaling.proxy import proxy
from scaling_search.search.plan.budget import QUANTITIES, Meter, Quantity, StepSeconds, cost_at
from scaling_search.search.plan.recipe_table import TUNED
from scaling_search.search.plan.study import Study
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    from scaling_search.data.dataset import DatasetInfo


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A study with what it names. `base` is the network at φ = 0: the baseline on this data, or its proxy.

    `baseline` is the network to be scaled in the end, with the data's channels and classes. `source`: the network whose
    weights training starts from, where it does.
    """

    study: Study
    info: DatasetInfo
    baseline: Network
    base: Network
    recipe: Recipe
    meter: Meter
    source: Network | None = None

    @property
    def budget(self) -> Quantity:
        """The cost that candidates have equal."""
        return QUANTITIES[self.study.grid.budget]

    @property
    def images(self) -> int:
        """Images that are trained on."""
        return training_images(self.study, self.info)

    @property
    def base_cost(self) -> Cost:
        """What the base costs."""
        return cost_at(self.base, self.base.resolution)

    @cached_property
    def base_amount(self) -> float:
        """What the budget counts of the base. Errors: InputError where it cannot be timed for want of memory."""
        amount = self.meter.read(self.budget.name, self.base)
        if math.isinf(amount):
            raise InputError(
                f"the base network {self.base.name} needs more memory than there is here: it cannot be timed"
            )
        return amount

    def target(self, phi: float) -> float:
        """What the budget allows at φ: 2^φ times what the base has of it."""
        return 2**phi * self.base_amount

    def around(self, base: Network) -> SearchSpace:
        """The same study around another network at φ = 0."""
        return replace(self, base=base)

    def identity(self, dataset: str) -> str:
        """Fingerprint of all that decides the study's results; `dataset` is that of the data and the split.

        Ranges and seeds are not in it: they only extend a study.
        """
        study = self.study
        content = {
            "base": fingerprint(self.base),
            "dataset": dataset,
            "recipe": self.recipe.canonical(),
            "rounding": study.rounding.model_dump(),
            "budget": study.grid.budget,
            "match": study.grid.match,
            "phi": list(study.grid.phi),
            "metric": study.grid.metric,
        } | ({"rate": TUNED} if study.tuned else {})
        return digest(canonical(content))


def search_space(
    study: Study,
    *,
    as_published: bool = False,
    step_seconds: StepSeconds | None = None,
    source: Network | None = None,
) -> SearchSpace:
    """Reads the study's baseline and describes its data. Errors: InputError.

    `as_published` counts the baseline with its own classes and channels, not the data's. `step_seconds` as in
    `budget.Meter`, `source` as in `SearchSpace`.
    """
    # A report reads what was planned and must not load what reads images.
    from scaling_search.data import catalog

    info = catalog.describe(study.dataset.name)
    network = study.network()
    # What is timed runs on the data.
    if not (as_published and study.proxy is None and not study.timed):
        network = network.model_copy(update={"channels": info.channels, "classes": len(info.classes)})
    recipe = study.resolve_recipe(training_images(study, info))
    return SearchSpace(
        study=study,
        info=info,
        baseline=network,
        base=base_of(study, network),
        recipe=recipe,
        meter=Meter(study, recipe, step_seconds=step_seconds),
        source=source,
    )


def training_images(study: Study, info: DatasetInfo) -> int:
    """Images that are trained on: those of *train* that are not held out, but for rounding by class."""
    if info.validation_count is not None:
        return info.train_count
    return info.train_count - round(study.dataset.validation * info.train_count)


def base_of(study: Study, baseline: Network) -> Network:
    """The network at φ = 0: the baseline, or its proxy. Errors: InputError where no proxy can be made."""
    if study.proxy is None:
        return baseline
    return proxy(
        baseline,
        resolution=study.proxy.resolution,
        width=study.proxy.width,
        depth=study.proxy.depth,
        channels=baseline.channels,
        classes=baseline.classes,
        rounding=study.rounding,
    )
