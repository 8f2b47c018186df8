"""How should this network be made bigger? Compound-scaling search for any convolutional baseline, on JAX.

    import scaling_search as ss

    study = ss.Study(baseline="efficientnet-b0", dataset="fashion_mnist", grid=ss.Grid(seeds=3))
    ledger = ss.open_ledger("s.db")
    result = ss.grid(study, ledger=ledger, callbacks=(ss.ProgressBar(),))
    print(result.answer)

Importing this loads no accelerator library and hardly anything else: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from scaling_search import statistics as statistics
    from scaling_search.architecture.network import Network as Network
    from scaling_search.baselines.load import list_networks as list_networks
    from scaling_search.baselines.load import load as load_network  # noqa: F401
    from scaling_search.cli.progress import ProgressBar as ProgressBar
    from scaling_search.costs.count import cost as cost
    from scaling_search.errors import DamagedError as DamagedError
    from scaling_search.errors import DeviceError as DeviceError
    from scaling_search.errors import InputError as InputError
    from scaling_search.errors import ScalingSearchError as ScalingSearchError
    from scaling_search.errors import StorageError as StorageError
    from scaling_search.errors import UsageError as UsageError
    from scaling_search.networks.pair import build as build
    from scaling_search.racing.race import Race as Race
    from scaling_search.racing.race import race as race
    from scaling_search.scaling.rounding import Rounding as Rounding
    from scaling_search.scaling.scale import scale_network as scale_network
    from scaling_search.search.family.scale import scale as scale
    from scaling_search.search.grid.search import grid as grid
    from scaling_search.search.members.predict import predict as predict
    from scaling_search.search.members.resolve import from_outside as load_member  # noqa: F401
    from scaling_search.search.plan.study import Study as Study
    from scaling_search.search.plan.study_tables import Data as Data
    from scaling_search.search.plan.study_tables import Family as Family
    from scaling_search.search.plan.study_tables import Grid as Grid
    from scaling_search.search.plan.study_tables import Limits as Limits
    from scaling_search.search.plan.study_tables import Proxy as Proxy
    from scaling_search.search.recipe_check.check import recipe as recipe
    from scaling_search.search.tables.open_ledger import open_ledger as open_ledger
    from scaling_search.search.tables.plan_result import plan as plan
    from scaling_search.search.trial.trial import Callback as Callback
    from scaling_search.search.trial.workers import Workers as Workers

# Public name → module and the name there.
_HOMES = {
    "Callback": ("search.trial.trial", "Callback"),
    "DamagedError": ("errors", "DamagedError"),
    "Data": ("search.plan.study_tables", "Data"),
    "DeviceError": ("errors", "DeviceError"),
    "Family": ("search.plan.study_tables", "Family"),
    "Grid": ("search.plan.study_tables", "Grid"),
    "InputError": ("errors", "InputError"),
    "Limits": ("search.plan.study_tables", "Limits"),
    "Network": ("architecture.network", "Network"),
    "ProgressBar": ("cli.progress", "ProgressBar"),
    "Proxy": ("search.plan.study_tables", "Proxy"),
    "Race": ("racing.race", "Race"),
    "Rounding": ("scaling.rounding", "Rounding"),
    "ScalingSearchError": ("errors", "ScalingSearchError"),
    "StorageError": ("errors", "StorageError"),
    "Study": ("search.plan.study", "Study"),
    "UsageError": ("errors", "UsageError"),
    "Workers": ("search.trial.workers", "Workers"),
    "build": ("networks.pair", "build"),
    "cost": ("costs.count", "cost"),
    "grid": ("search.grid.search", "grid"),
    "list_networks": ("baselines.load", "list_networks"),
    "load_network": ("baselines.load", "load"),
    "open_ledger": ("search.tables.open_ledger", "open_ledger"),
    "load_member": ("search.members.resolve", "from_outside"),
    "plan": ("search.tables.plan_result", "plan"),
    "predict": ("search.members.predict", "predict"),
    "race": ("racing.race", "race"),
    "recipe": ("search.recipe_check.check", "recipe"),
    "scale": ("search.family.scale", "scale"),
    "scale_network": ("scaling.scale", "scale_network"),
}
__all__ = [*_HOMES, "__version__", "statistics"]


def __getattr__(name: str) -> Any:
    if name == "statistics":
        return importlib.import_module("scaling_search.statistics")
    if name not in _HOMES:
        raise AttributeError(f"module 'scaling_search' has no attribute {name!r}")
    module, there = _HOMES[name]
    return getattr(importlib.import_module(f"scaling_search.{module}"), there)


def __dir__() -> list[str]:
    return sorted(__all__)
