"""The operation tree: what a network *is*, as frozen data.

Leaves are single operations, combinators join them. Two folds read the tree: `scaling_search.costs` sums it and
`scaling_search.networks` builds it, so cost and network agree by construction. Shapes are (height, width, channels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, int, int]
# "same" is TensorFlow's rule (output = ceil(input / stride), the odd pixel behind); "symmetric" pads k // 2 on
# each side as PyTorch models do; "valid" pads nothing; a number pads that many pixels on each side.
Padding = Literal["same", "symmetric", "valid"] | int


@dataclass(frozen=True, kw_only=True)
class Conv:
    """k x k convolution, `groups` groups. Weights: (k*k*c_in/groups)*features, plus `features` with a bias."""

    features: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    bias: bool = False
    padding: Padding = "same"


@dataclass(frozen=True, kw_only=True)
class Norm:
    """Batch normalisation: y = scale * (x - mean) / sqrt(variance + epsilon) + offset, running momentum."""

    epsilon: float = 1e-3
    momentum: float = 0.99


@dataclass(frozen=True, kw_only=True)
class LocalResponseNorm:
    """Across channels: y = x / (k + alpha/size * sum over `size` neighbours x^2)^beta (Krizhevsky 2012, 3.3)."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Activation:
    """Elementwise non-linearity by name; see `ACTIVATIONS`."""

    kind: str


ACTIVATIONS = ("silu", "relu", "relu6", "sigmoid", "hard_swish", "hard_sigmoid", "gelu", "tanh", "identity")


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Spatial pooling. `ceil` rounds the output size up; averages count only real pixels."""

    kind: Literal["max", "average"]
    kernel: int
    stride: int
    padding: Padding = "same"
    ceil: bool = False


@dataclass(frozen=True, kw_only=True)
class GlobalPool:
    """Mean over the whole map: (H, W, C) -> (1, 1, C)."""


@dataclass(frozen=True, kw_only=True)
class Flatten:
    """(H, W, C) -> (1, 1, H*W*C)."""


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Matrix product on a (1, 1, C) map."""

    features: int
    bias: bool = True


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """In training, zeroes each element with probability `rate` and scales the rest by 1 / (1 - rate)."""

    rate: float


@dataclass(frozen=True, kw_only=True)
class ChannelShuffle:
    """Transpose of (groups, C / groups) channels (ShuffleNet)."""

    groups: int


@dataclass(frozen=True)
class Chain:
    """One after the other. An empty chain is the identity."""

    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Residual:
    """branch(x) + shortcut(x). In training the branch of one image is dropped with probability `drop_rate`."""

    branch: Operation
    shortcut: Operation = Chain()
    drop_rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Mean of the branches. In training each branch of one image is dropped with `drop_rate`, never all.

    A branch that ends in a mean adds that mean's branches to this one: FractalNet's joins are collapsed, the mean
    is over all columns that meet, mean(a, b, c) and not mean(a, mean(b, c)).
    """

    branches: tuple[Operation, ...]
    drop_rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Concat:
    """Branches side by side along channels. With `split`, each sees its own equal share of the channels."""

    branches: tuple[Operation, ...]
    split: bool = False

    def inside(self, shape: Shape) -> Shape:
        """What each branch sees of a map."""
        return (*shape[:2], shape[2] // len(self.branches)) if self.split else shape


@dataclass(frozen=True, kw_only=True)
class Gate:
    """x * branch(x), broadcast over the map (squeeze-and-excite)."""

    branch: Operation


@dataclass(frozen=True, kw_only=True)
class Auxiliary:
    """x, unchanged. In training the logits branch(x) are a further output, whose loss is added `weight` times.

    For inference there is no such branch: its weights count, its multiply-adds do not.
    """

    branch: Operation
    weight: float


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """`operation` once per entry of `drop_rates`, each with weights and `drop_rate` of its own.

    The operation keeps the shape of its input, so that the copies can be compiled as one loop.
    """

    operation: Operation
    drop_rates: tuple[float, ...]


Leaf = (
    Conv
    | Norm
    | LocalResponseNorm
    | Activation
    | Pool
    | GlobalPool
    | Flatten
    | Dense
    | Dropout
    | ChannelShuffle
)
Operation = Leaf | Chain | Residual | Mean | Concat | Gate | Auxiliary | Repeat


def chain(*operations: Operation | None) -> Chain:
    """A chain without the absent parts, nested chains laid flat."""
    flat: list[Operation] = []
    for operation in operations:
        if isinstance(operation, Chain):
            flat.extend(operation.operations)
        elif operation is not None:
            flat.append(operation)
    return Chain(tuple(flat))
