"""How many bytes a training step holds at its fullest: an estimate from the operation tree.

At the end of the forward pass there are, at once,

    batch * element_bytes * (stored + pixels) + batch * pixels  (the batch, normalised and as bytes)
    + 4 * parameters * (2 + slots + averages)                   (values, gradients, optimizer, moving average)
    + 4 * statistics * (1 + averages)

`stored` (`costs.count`) are the elements of an image's maps that the backward pass needs:
- what a convolution, dense layer, gate or pooling reads and what a norm reads: the output of what stands before it;
- a norm and the activation behind it keep one map between them, the inside is computed again;
- a dense k x k convolution of stride 1 keeps its padded input, max pooling one mask for each place of its window,
  response normalisation four maps;
- a map that is only added to another, copied beside others or shuffled is not kept: the sum or the copy is.

What a compiler adds (workspace, gradients on their way) or saves (recomputed or fused maps) is not in it, nor is the
data set on the device. Against XLA's own plan for a CPU it is 0.8 to 1.1 times as much over eight families
(`tests/costs/measured_memory.json`), against its plan for an H100 0.9 to 1.1 (`make compiled`). On a CPU without our
kernels XLA differentiates norms and activations by itself, a SiLU keeps more than that, and it is 0.6 to 1.2 times as
much: the plan of the compiled program has the last word.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost, cost
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
        return sum(astuple(self))


def training_memory(
    network: Network,
    *,
    batch_size: int,
    element_bytes: int = FLOAT32,
    slots: int = 2,
    average: bool = True,
    counted: Cost | None = None,
) -> Memory:
    """Bytes of one training step on `batch_size` images.

    `element_bytes` is the size of a map's element (4 in float32, 2 in bfloat16); `slots` what the optimizer keeps for
    each parameter (AdamW and RMSProp with momentum 2, SGD with momentum 1); `average` whether there is a moving
    average of weights and statistics; `counted` the network's cost, where it is known already.
    Errors: UsageError for a batch under 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch size {batch_size}: expected at least 1")
    counted = counted or cost(network)
    weights = counted.parameters * FLOAT32
    statistics = counted.batch_stats * FLOAT32
    return Memory(
        maps=counted.stored * batch_size * element_bytes,
        images=network.resolution**2 * network.channels * batch_size * (1 + element_bytes),
        parameters=weights,
        gradients=weights,
        optimizer=weights * slots,
        average=(weights + statistics) if average else 0,
        statistics=statistics,
    )
