"""A study with what it names, and what decides its results."""

from __future__ import annotations

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import Rounding
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.plan.study_tables import Data, Family, Grid, Limits, Proxy
from tests.search.pretend import study

DATASET = "d" * 64
# Another value for every key of a study.
OTHER: dict[str, object] = {
    "name": "another",
    "baseline": "mobilenetv1",
    "dataset.name": "fashion_mnist",
    "dataset.validation": 0.3,
    "dataset.split_seed": 1,
    "proxy.resolution": 20,
    "proxy.width": 0.3,
    "proxy.depth": 0.7,
    "rounding.depth": "ceil",
    "rounding.divisor": 4,
    "rounding.resolution_step": 2,
    "recipe.epochs": 7,
    "grid.phi": 2,
    "grid.alpha": "1:2:0.25",
    "grid.beta": "1:1.4:0.1",
    "grid.gamma": "1:1.5:0.125",
    "grid.tolerance": 0.6,
    "grid.match": "nominal",
    "grid.budget": "activations",
    "grid.macs_tolerance": 0.2,
    "grid.seeds": 4,
    "grid.racing": False,
    "grid.indifference": 0.02,
    "grid.metric": "balanced-accuracy",
    "grid.screening_epochs": 1,
    "scale.phi": "0..2",
    "scale.seeds": 3,
    "scale.train": "none",
    "scale.factors": "realised",
    "scale.member_time_limit": "1m",
    "scale.keep_weights": "all",
    "limits.macs": 1e12,
    "limits.parameters": 1e12,
    "limits.activations": 1e12,
    "limits.memory": 1e12,
    "limits.latency": 1e12,
}
# What changes no result of a trial that both have, nor which candidates are compared as equals. The data set and its
# split are in the fingerprint of the data.
EXTENDS = {
    "name",
    "dataset.name",
    "dataset.validation",
    "dataset.split_seed",
    *(f"grid.{key}" for key in ("alpha", "beta", "gamma", "tolerance", "macs_tolerance")),
    *(f"grid.{key}" for key in ("seeds", "racing", "indifference", "screening_epochs")),
    *(f"scale.{key}" for key in Family.model_fields),
    *(f"limits.{key}" for key in Limits.model_fields),
}


def test_every_key_of_a_study_is_here() -> None:
    tables = {
        "dataset": Data,
        "proxy": Proxy,
        "rounding": Rounding,
        "grid": Grid,
        "scale": Family,
        "limits": Limits,
    }
    keys = {f"{table}.{name}" for table, kind in tables.items() for name in kind.model_fields}
    keys |= {name for name in Study.model_fields if name not in (*tables, "recipe")}
    assert keys | {"recipe.epochs"} == OTHER.keys()


@pytest.mark.parametrize("key", OTHER)
def test_a_study_is_what_decides_its_results(key: str) -> None:
    """Base, data, recipe, rounding, budget, match, metric and φ; ranges, seeds, limits and family only extend it."""
    changes = {key: OTHER[key]}
    if key == "baseline":
        given = study()
        changes |= {f"proxy.{name}": value for name, value in given.proxy.model_dump().items()}  # type: ignore[union-attr]
        changes |= {f"rounding.{name}": value for name, value in given.rounding.model_dump().items()}
    changed = search_space(override(study(), changes))
    assert (changed.identity(DATASET) == search_space(study()).identity(DATASET)) == (key in EXTENDS)


def test_other_data_are_another_study() -> None:
    space = search_space(study())
    assert space.identity(DATASET) != space.identity("e" * 64)


def test_the_baseline_takes_the_datas_classes_and_channels_and_the_base_is_its_proxy() -> None:
    space = search_space(study())
    assert (space.baseline.channels, space.baseline.classes) == (1, 10)
    assert (space.base.channels, space.base.classes, space.base.resolution) == (1, 10, 16)
    assert space.baseline.resolution == 224
    published = search_space(study().model_copy(update={"proxy": None}), as_published=True)
    assert (published.base.channels, published.base.classes) == (3, 1000)
    assert fingerprint(published.base) == fingerprint(published.baseline)


def test_the_same_study_around_another_network() -> None:
    space = search_space(study())
    full = space.around(space.baseline)
    assert full.base == full.baseline == space.baseline
    assert (full.study, full.meter) == (space.study, space.meter)
    assert full.base_cost.macs > space.base_cost.macs
    assert full.target(2) == 4 * full.base_cost.macs


def test_a_base_that_cannot_be_timed_is_an_error() -> None:
    space = search_space(study(budget="latency"), step_seconds=lambda network: float("inf"))
    with pytest.raises(InputError, match="needs more memory than there is here"):
        space.target(1)
