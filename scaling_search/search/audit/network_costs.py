"""What networks cost, side by side and part by part, as documents to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.costs.count import Cost, cost
from scaling_search.costs.layers import LayerRow, layers
from scaling_search.search.audit.scaling_options import Scaling
from scaling_search.training.memory import step_memory
from scaling_search.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A network with what it costs; `parts` only where asked for, `training_bytes` where a recipe is given."""

    network: Network
    cost: Cost
    training_bytes: int | None
    parts: tuple[LayerRow, ...] | None


def compare(
    names: Sequence[str], scaling: Scaling, *, by_part: bool = False, recipe: Recipe | None = None
) -> tuple[Counted, ...]:
    """Each network (a name or a file), scaled and counted, in this order; `recipe` asks for its memory on a CPU."""
    return tuple(
        Counted(
            network=network,
            cost=(counted := cost(network)),
            training_bytes=None if recipe is None else step_memory(network, recipe, "cpu", counted=counted),
            parts=layers(network) if by_part else None,
        )
        for name in names
        for network in scaling.apply(load(name))
    )
