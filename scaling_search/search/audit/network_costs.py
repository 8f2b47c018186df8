"""What networks cost, side by side and part by part, as documents to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.costs.count import Cost, cost
from scaling_search.costs.layers import LayerRow, layers
from scaling_search.costs.memory import training_memory
from scaling_search.search.audit.scaling_options import Scaling


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A network with what it costs; `parts` only where asked for, `training_bytes` where a batch size is given."""

    network: Network
    cost: Cost
    training_bytes: int | None
    parts: tuple[LayerRow, ...] | None


def compare(
    names: Sequence[str], scaling: Scaling, *, by_part: bool = False, batch_size: int | None = None
) -> tuple[Counted, ...]:
    """Each network (a name or a file), scaled and counted, in this order."""
    return tuple(
        Counted(
            network=network,
            cost=cost(network),
            training_bytes=None
            if batch_size is None
            else training_memory(network, batch_size=batch_size).total,
            parts=layers(network) if by_part else None,
        )
        for name in names
        for network in scaling.apply(load(name))
    )
