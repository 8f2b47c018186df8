"""How many bytes a training step holds at its fullest: an estimate from the operation tree.

At the end of the forward pass there are, at once,
- the maps that the backward pass needs: `Cost.stored` elements an image, in the compute type;
- the batch itself, one byte a pixel value (it is normalised inside the step);
- float32 parameters, as many gradients, `slots` optimizer values for each, and the moving average's copy;
- float32 running statistics, and the moving average's copy of them.
What a compiler adds (workspace, fragmentation) or saves (recomputed or fused maps) is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.costs.count import cost
from scaling_search.errors import UsageError

FLOAT32 = 4


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes by what holds them."""

    maps: int
    images: int
    parameters: int
    gradients: int
    optimizer: int
    average: int
    statistics: int

    @property
    def total(self) -> int:
        return (
            self.maps
            + self.images
            + self.parameters
            + self.gradients
            + self.optimizer
            + self.average
            + self.statistics
        )


def training_memory(
    network: Network, *, batch_size: int, element_bytes: int = FLOAT32, slots: int = 2, average: bool = True
) -> Memory:
    """Bytes of one training step on `batch_size` images.

    `element_bytes` is the size of a map's element (4 in float32, 2 in bfloat16); `slots` what the optimizer keeps for
    each parameter (AdamW and RMSProp with momentum 2, SGD with momentum 1); `average` whether there is a moving
    average of weights and statistics. Errors: UsageError for a batch under 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch size {batch_size}: expected at least 1")
    counted = cost(network)
    weights = counted.parameters * FLOAT32
    statistics = counted.batch_stats * FLOAT32
    return Memory(
        maps=counted.stored * batch_size * element_bytes,
        images=network.resolution**2 * network.channels * batch_size,
        parameters=weights,
        gradients=weights,
        optimizer=weights * slots,
        average=(weights + statistics) if average else 0,
        statistics=statistics,
    )
